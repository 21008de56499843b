from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_detections
from hydra.utils import instantiate
from omegaconf import OmegaConf

from sgnet.tracking.library_tracker import LibraryTracker

supervision = pytest.importorskip("supervision")
trackers = pytest.importorskip("trackers")
CONF = Path(__file__).parents[2] / "conf" / "tracker"
FILES = ("ocsort", "botsort", "cbiou")


def box(x: float, y: float = 50.0, size: float = 20.0) -> tuple[float, float, float, float]:
    return (x - size / 2, y - size / 2, x + size / 2, y + size / 2)


def seen(*xs: float, **columns: Any) -> Any:
    return make_detections([box(x) for x in xs], **columns)


class Nearest:
    """A tracker as the package has them: identity is the place rounded to tens, in reverse order.

    What lies below 0 has none.
    """

    def __init__(self) -> None:
        self.updates = 0

    def update(self, detections: Any) -> Any:
        self.updates += 1
        turned = detections[np.arange(len(detections))[::-1]]
        centres = turned.xyxy[:, [0, 2]].mean(axis=1)
        turned.tracker_id = np.where(centres < 0, -1, np.rint(centres / 10)).astype(int)
        return turned


def test_identities_are_the_trackers_own_whatever_order_it_gives_them_in():
    tracker = LibraryTracker(Nearest, class_aware=False)
    assert tracker.update(seen()) == []
    assert tracker.update(seen(70, 20, -30)) == [1, 2, 0]
    assert tracker.update(seen(-30, 20, 50, 70)) == [0, 2, 3, 1]


def test_identity_0_of_the_tracker_is_one():
    assert LibraryTracker(Nearest).update(seen(0, 40)) == [1, 2]


def test_classes_are_tracked_apart_and_each_in_every_frame():
    made = []

    def make() -> Nearest:
        made.append(Nearest())
        return made[-1]

    tracker = LibraryTracker(make)
    assert tracker.update(seen(20, 70, labels=[0, 1])) == [1, 2]
    assert tracker.update(seen(70, 20, labels=[0, 1])) == [3, 4]
    assert tracker.update(seen(70, labels=[1])) == [2]
    assert [one.updates for one in made] == [3, 3]
    tracker.reset()
    assert tracker.update(seen(70, labels=[1])) == [1]
    assert len(made) == 3


def test_a_flag_is_required():
    with pytest.raises(ValueError, match="class_aware must be"):
        LibraryTracker(Nearest, class_aware=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FILES)
def test_the_files_of_trackers_follow_objects_of_two_classes_that_cross(name):
    settings = OmegaConf.load(CONF / f"{name}.yaml")
    tracker = instantiate(settings.tracker, _convert_="all")
    for _ in range(2):
        ids = [
            tracker.update(seen(20 + 3 * t, 60 - 3 * t, labels=[0, 1], scores=[0.9, 0.8]))
            for t in range(12)
        ]
        assert set(map(tuple, ids[1:])) == {(1, 2)}
        assert tuple(ids[0]) in {(1, 2), (0, 0)}  # some need a second frame
        tracker.reset()


@pytest.mark.parametrize("kind", ["SORTTracker", "OCSORTTracker"])
def test_identities_are_those_of_the_package_driven_by_hand(kind):
    make = partial(getattr(trackers, kind), minimum_consecutive_frames=1)
    random = np.random.default_rng(0)
    by_hand, ours = make(), LibraryTracker(make, class_aware=False)
    pairs = set()
    for _ in range(40):
        places = np.sort(random.choice(np.arange(0, 400, 25), 6, replace=False))
        given = make_detections(
            [box(x + random.normal()) for x in places.tolist()],
            scores=np.sort(random.uniform(0.65, 1, 6))[::-1].tolist(),
        )
        boxes = given.boxes_xyxy.double().numpy()
        scores = given.scores.double().numpy()
        tracked = by_hand.update(supervision.Detections(xyxy=boxes, confidence=scores))
        expected = dict(
            zip(map(tuple, tracked.xyxy.tolist()), tracked.tracker_id.tolist(), strict=True)
        )
        pairs |= {
            (expected[tuple(one)], number)
            for one, number in zip(boxes.tolist(), ours.update(given), strict=True)
        }
    assert len(pairs) > 6
    assert len({one for one, _ in pairs}) == len({number for _, number in pairs}) == len(pairs)
    assert (-1, 0) in pairs
