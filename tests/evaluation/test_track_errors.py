"""Errors of tracks, on scenes with exactly one kind of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from golden_case import CASES, Case

from sgnet.evaluation.average_precision import UNDEFINED
from sgnet.evaluation.error_gains import (
    MISSED,
    ROWS,
    UNFOUND,
    WRONG,
    errors_table,
    evaluate_errors,
)
from sgnet.evaluation.track_errors import KINDS, WAYS, judge_tracks
from sgnet.evaluation.track_meetings import track_meetings
from sgnet.ops.rle import encode
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Rle, Video

LENGTH, HEIGHT, WIDTH = 10, 16, 64
CAT, DOG = 1, 2
CATEGORIES = [Category(CAT, "cat"), Category(DOG, "dog")]
Box = tuple[int, int]  # first column and width of an object 8 pixels high
Boxes = Mapping[int, Box]  # by frame

LEFT, MIDDLE, RIGHT = (0, 16), (24, 16), (48, 16)


def always(box: Box) -> Boxes:
    return dict.fromkeys(range(LENGTH), box)


def during(box: Box, start: int, stop: int) -> Boxes:
    return dict.fromkeys(range(start, stop), box)


def masks(boxes: Boxes) -> tuple[Rle | None, ...]:
    return tuple(drawn(*boxes[frame]) if frame in boxes else None for frame in range(LENGTH))


def drawn(first: int, width: int) -> Rle:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[4:12, first : first + width] = 1
    return encode(mask)


def annotated(number: int, boxes: Boxes, category: int = CAT, video: int = 1) -> AnnotatedTrack:
    nothing = (None,) * LENGTH
    return AnnotatedTrack(number, video, category, False, masks(boxes), nothing, nothing)


def found(boxes: Boxes, score: float, category: int = CAT, video: int = 1) -> ResultTrack:
    return ResultTrack(video, category, score, masks(boxes))


@dataclass(frozen=True)
class Scene:
    """A video whose results have one kind of error.

    Attributes:
        objects: annotated tracks of it.
        tracks: found ones.
        kind: of the error.
        way: where its kind is `track`.
        count: tracks with the error.
    """

    objects: Sequence[AnnotatedTrack]
    tracks: Sequence[ResultTrack]
    kind: str
    way: str | None = None
    count: int = 1


SCENES = {
    "another class": Scene(
        [annotated(1, always(LEFT)), annotated(2, always(RIGHT), DOG)],
        [found(always(LEFT), 0.9), found(always(RIGHT), 0.8)],
        "class",
    ),
    "found twice": Scene(
        [annotated(1, always(LEFT)), annotated(2, always(RIGHT))],
        [found(always(LEFT), 0.9), found(always(LEFT), 0.8), found(always(RIGHT), 0.7)],
        "duplicate",
    ),
    "masks too narrow": Scene(
        [annotated(1, always(LEFT)), annotated(2, always(RIGHT))],
        [found(always(LEFT), 0.9), found(always((48, 6)), 0.8)],
        "mask",
    ),
    "masks too wide": Scene([annotated(1, always(LEFT))], [found(always((0, 40)), 0.9)], "mask"),
    "lost after four frames": Scene(
        [annotated(1, always(LEFT))], [found(during(LEFT, 0, 4), 0.9)], "track", "broken"
    ),
    "in three pieces": Scene(
        [annotated(1, always(LEFT))],
        [found(during(LEFT, *part), 0.9) for part in ((0, 4), (4, 7), (7, 10))],
        "track",
        "broken",
        3,
    ),
    "two that change places": Scene(
        [annotated(1, always(LEFT)), annotated(2, always(RIGHT))],
        [
            found({**during(LEFT, 0, 5), **during(RIGHT, 5, 10)}, 0.9),
            found({**during(RIGHT, 0, 5), **during(LEFT, 5, 10)}, 0.8),
        ],
        "track",
        "switched",
        2,
    ),
    "one identity for three objects": Scene(
        [
            annotated(1, during(LEFT, 0, 3)),
            annotated(2, during(MIDDLE, 3, 6)),
            annotated(3, during(RIGHT, 6, 10)),
        ],
        [found({**during(LEFT, 0, 3), **during(MIDDLE, 3, 6), **during(RIGHT, 6, 10)}, 0.9)],
        "track",
        "merged",
    ),
    "goes on where nothing is": Scene(
        [annotated(1, during(LEFT, 0, 3))],
        [found({**during(LEFT, 0, 3), **during(RIGHT, 3, 10)}, 0.9)],
        "track",
        "overlong",
    ),
    "narrow masks, lost after four frames": Scene(
        [annotated(1, always(LEFT))], [found(during((0, 6), 0, 4), 0.9)], "mask and track"
    ),
    "on a dog, its masks narrow": Scene(
        [annotated(1, always(LEFT)), annotated(2, always(RIGHT), DOG)],
        [found(always((48, 6)), 0.95), found(always(LEFT), 0.9), found(always(RIGHT), 0.8, DOG)],
        "class and place",
    ),
    "on nothing": Scene(
        [annotated(1, always(LEFT))],
        [found(always(RIGHT), 0.95), found(always(LEFT), 0.9)],
        "background",
    ),
    "without a pixel": Scene(
        [annotated(1, always(LEFT))],
        [found({}, 0.95), found(always(LEFT), 0.9)],
        "background",
    ),
    "not found": Scene(
        [annotated(1, always(LEFT)), annotated(2, always(RIGHT))],
        [found(always(LEFT), 0.9)],
        MISSED,
    ),
    "a class not found": Scene(
        [annotated(1, always(LEFT)), annotated(2, always(RIGHT), DOG)],
        [found(always(LEFT), 0.9)],
        MISSED,
    ),
    "nothing found": Scene([annotated(1, always(LEFT))], [], MISSED),
}
HALF = 51 / 101  # AP where one of two objects is found: recall points up to 0.5
VIDEOS = [Video(1, WIDTH, HEIGHT, LENGTH, ())]


@pytest.mark.parametrize("name", SCENES)
def test_all_of_the_gain_lands_in_the_row_of_the_only_error(name):
    scene = SCENES[name]
    gains = evaluate_errors(VIDEOS, CATEGORIES, scene.objects, scene.tracks)
    assert gains.ap < 1
    assert {kind: row.count for kind, row in gains.kinds.items() if row.count} == {
        scene.kind: scene.count
    }
    expected = dict.fromkeys(ROWS, 0.0) | {scene.kind: 1 - gains.ap}
    assert {kind: row.gain for kind, row in gains.kinds.items()} == pytest.approx(expected)
    ways = dict.fromkeys(WAYS, 0.0) | ({scene.way: 1 - gains.ap} if scene.way else {})
    assert {way: row.gain for way, row in gains.ways.items()} == pytest.approx(ways)


@pytest.mark.parametrize("name", CASES)
def test_ap_is_the_metrics(name):
    case = Case(name)
    for iou, figure in ((0.5, "AP50"), (0.75, "AP75")):
        gains = evaluate_errors(case.videos, case.categories, case.ground_truth, case.results, iou)
        assert gains.ap == pytest.approx(case.expected["stats"][figure], abs=1e-9), figure


@pytest.mark.parametrize("name", CASES)
def test_totals_bound_what_kinds_gain(name):
    case = Case(name)
    gains = evaluate_errors(case.videos, case.categories, case.ground_truth, case.results)
    assert gains.ap == UNDEFINED or all(row.gain >= -1e-9 for row in gains.kinds.values())
    for kind in ("duplicate", "background", "class and place"):  # these are left out
        assert gains.kinds[kind].gain <= gains.totals[WRONG].gain + 1e-9
    if gains.ap != UNDEFINED:
        assert gains.ap + gains.totals[WRONG].gain <= 1 + 1e-9
    assert gains.kinds[MISSED].count <= gains.totals[UNFOUND].count
    assert sum(gains.kinds[kind].count for kind in KINDS) == gains.totals[WRONG].count
    assert sum(row.count for row in gains.ways.values()) == gains.kinds["track"].count


@pytest.mark.parametrize(
    ("on_it", "elsewhere", "kind"),
    [
        (1, 3, "background"),
        (1, 1, "track"),  # half of the track
        (1, 2, "background"),
        (2, 6, "track"),  # half of the object
        (4, 4, None),
    ],
)
def test_background_is_neither_on_objects_by_half_nor_covers_half_of_one(on_it, elsewhere, kind):
    objects = [annotated(1, during(LEFT, 0, 4))]
    boxes = {**during(LEFT, 0, on_it), **during(RIGHT, on_it, on_it + elsewhere)}
    (judged,) = judge_tracks(VIDEOS, CATEGORIES, objects, [found(boxes, 0.9)])
    assert judged.kind == kind


def test_meetings_are_those_of_a_loop_over_pixels():
    random = np.random.default_rng(0)
    shape = (2, 3, LENGTH, HEIGHT, WIDTH)  # sides, tracks of each, frames
    corners = random.integers(0, 24, (*shape[:3], 2))
    dense = np.zeros(shape, dtype=bool)
    for place in np.ndindex(*shape[:3]):
        if random.random() < 0.8:
            top, left = corners[place] // (3, 1)
            dense[(*place, slice(top, top + 6), slice(left, left + 20))] = True
    tracks, objects = ([[_rle(mask) for mask in track] for track in side] for side in dense)
    meetings = track_meetings(tracks, objects)
    meets = np.array([[[_iou(d, g) >= 0.1 for d, g in zip(*pair, strict=True)]
                       for pair in ((d, g) for g in dense[1])] for d in dense[0]])  # fmt: skip
    assert 0.2 < meets.mean() < 0.9
    for row, column in np.ndindex(3, 3):
        mine, theirs, here = dense[0, row], dense[1, column], meets[row, column]
        elsewhere = meets[row].any(axis=0) & ~here
        expected = {
            "shared": (mine & theirs)[here].sum(),
            "tracks": mine[here].sum(),
            "objects": theirs[here].sum(),
            "astray": mine[elsewhere].sum(),
            "idle": mine[~meets[row].any(axis=0)].sum(),
            "missing": theirs[~here].sum(),
            "mask_ious": (mine & theirs)[here].sum() / max(1, (mine | theirs)[here].sum()),
            "time_ious": theirs[here].sum() / (theirs.sum() + mine[~here].sum()),
        }
        found = {name: getattr(meetings, name)[row, column] for name in expected}
        assert found == pytest.approx(expected)


def _rle(mask: np.ndarray) -> Rle | None:
    return encode(mask.astype(np.uint8)) if mask.any() else None


def _iou(first: np.ndarray, second: np.ndarray) -> float:
    return (first & second).sum() / max(1, (first | second).sum())


def test_crowds_and_what_lies_in_them_are_no_errors():
    crowd = replace(annotated(2, always(RIGHT)), iscrowd=True)
    tracks = [found(always(LEFT), 0.9), found(always(RIGHT), 0.95), found(always(RIGHT), 0.94)]
    gains = evaluate_errors(VIDEOS, CATEGORIES, [crowd, annotated(1, always(LEFT))], tracks)
    assert gains.ap == pytest.approx(1)
    assert not any(row.count for row in gains.kinds.values())


def test_only_the_best_hundred_of_a_video_and_class_are_looked_at():
    tracks = [found(always(RIGHT), 0.9 - 0.001 * index) for index in range(101)]
    judged = judge_tracks(VIDEOS, CATEGORIES, [annotated(1, always(LEFT))], tracks)
    assert [one.index for one in judged] == list(range(100))
    judged = judge_tracks(VIDEOS, CATEGORIES, [annotated(1, always(LEFT))], tracks[::-1])
    assert [one.index for one in judged] == list(range(100, 0, -1))


def test_tracks_of_other_classes_are_left_out_and_unknown_videos_refused():
    bird = found(always(LEFT), 0.9, category=3)
    assert judge_tracks(VIDEOS, CATEGORIES, [annotated(1, always(LEFT))], [bird]) == []
    with pytest.raises(ValueError, match=r"results\[0\].video_id must be .* got 7"):
        judge_tracks(VIDEOS, CATEGORIES, [], [found(always(LEFT), 0.9, video=7)])


def test_an_object_is_found_once_when_two_errors_at_it_are_mended():
    objects = [annotated(1, always(LEFT), DOG), annotated(2, always(RIGHT), DOG)]
    tracks = [found(always(LEFT), 0.9), found(always((0, 15)), 0.8)]
    gain = evaluate_errors(VIDEOS, CATEGORIES, objects, tracks).kinds["class"]
    assert (gain.count, gain.gain) == (2, pytest.approx(HALF))


def test_a_mended_track_takes_no_object_that_another_finds():
    objects = [annotated(1, always(LEFT)), annotated(2, always(RIGHT))]
    tracks = [found(during(LEFT, 0, 3), 0.9), found(during(LEFT, 3, 10), 0.8)]
    gains = evaluate_errors(VIDEOS, CATEGORIES, objects, tracks)
    assert gains.ap == pytest.approx(HALF / 2)  # one of two is right up to a recall of a half
    assert gains.ways["broken"].gain == pytest.approx(HALF / 2)


def test_several_kinds_at_once_leave_gains_below_one_and_the_table_names_them():
    objects = [annotated(1, always(LEFT)), annotated(2, always(RIGHT), DOG)]
    tracks = [found(always(MIDDLE), 0.9), found(always(LEFT), 0.8)]
    gains = evaluate_errors(VIDEOS, CATEGORIES, objects, tracks)
    assert gains.ap == pytest.approx(0.25)  # 0.5 of cats, 0 of dogs
    assert gains.kinds["background"].gain == pytest.approx(0.25)
    assert gains.kinds[MISSED].gain == pytest.approx(0.25)  # dogs are left out then
    lines = errors_table(gains).splitlines()
    assert lines[0].split()[-6:] == ["0.5:", "25.0;", "gained", "if", "number", "gain"]
    (row,) = (line for line in lines if line.startswith("background"))
    assert row.split()[-2:] == ["1", "+25.0"]


def test_nothing_annotated_has_counts_and_no_gains():
    gains = evaluate_errors(VIDEOS, CATEGORIES, [], [found(always(LEFT), 0.9)])
    assert gains.ap == UNDEFINED
    assert gains.kinds["background"].count == 1
    assert errors_table(gains).splitlines()[0].endswith("    gain")
    assert "IoU of 0.5: -; gained if" in errors_table(gains)
