from __future__ import annotations

import numpy as np
import pytest

from sgnet.inference.association import (
    Truth,
    association_figures,
    frames_of_results,
    frames_of_truth,
)
from sgnet.ops.rle import encode
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Rle, Video
from sgnet.tracking import MovementTracker
from sgnet.tracking.box_trackers import IouTracker
from sgnet.tracking.tracker import UNTRACKED

LENGTH, HEIGHT, WIDTH = 6, 24, 96
VIDEO = Video(5, WIDTH, HEIGHT, LENGTH, ())
CATEGORIES = (Category(3, "cat"), Category(8, "dog"))
IDS = (3, 8)


def drawn(left: int | None) -> Rle | None:
    if left is None:
        return None
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[4:14, left : left + 10] = 1
    return encode(mask)


def annotated(number: int, lefts, category: int = 3, iscrowd: bool = False) -> AnnotatedTrack:
    masks = tuple(drawn(left) for left in lefts)
    areas = tuple(None if mask is None else 100.0 for mask in masks)
    return AnnotatedTrack(number, 5, category, iscrowd, masks, (None,) * LENGTH, areas)


def found(lefts, score: float, category: int = 3) -> ResultTrack:
    return ResultTrack(5, category, score, tuple(drawn(left) for left in lefts))


# two that pass each other in steps of 8 pixels, with boxes 10 wide
RIGHTWARD, LEFTWARD = [20, 28, 36, 44, 52, 60], [62, 54, 46, 38, 30, 22]
TRUTH = Truth([VIDEO], CATEGORIES, [annotated(11, RIGHTWARD), annotated(12, LEFTWARD)])


class Nobody:
    """Gives each detection an identity of its own, or none."""

    def __init__(self, begin: bool = True) -> None:
        self.begin, self.number = begin, 0

    def reset(self) -> None:
        self.number = 0

    def update(self, detections) -> list[int]:
        count = len(detections.labels)
        self.number += count
        first = self.number - count + 1
        return list(range(first, first + count)) if self.begin else [UNTRACKED] * count


def test_a_results_file_becomes_detections_by_score_that_nothing_links():
    results = [found([0, None, 4, None, None, None], 0.4), found([30] * 6, 0.9, category=8)]
    ((video, frames),) = frames_of_results([VIDEO], results, IDS)
    assert video == VIDEO
    assert [len(frame.instances) for frame in frames] == [2, 1, 2, 1, 1, 1]
    first = frames[0]
    assert first.labels.tolist() == [1, 0]
    assert first.scores.tolist() == [0.9, 0.4]
    assert first.boxes_xyxy.tolist() == [[30, 4, 40, 14], [0, 4, 10, 14]]
    assert first.locations.tolist() == [[35, 9], [5, 9]]
    assert not np.any(frames[2].movements)
    assert {instance.track_id for frame in frames for instance in frame.instances} == {0}


def test_masks_without_a_pixel_are_no_detections():
    empty = ResultTrack(5, 3, 0.5, (encode(np.zeros((HEIGHT, WIDTH), np.uint8)),) * LENGTH)
    ((_, frames),) = frames_of_results([VIDEO], [empty], IDS)
    assert all(not frame.instances for frame in frames)


def test_the_truth_moves_as_it_does_and_has_no_crowds():
    tracks = [
        annotated(1, [0, 8, None, 20, 21, None]),
        annotated(2, [60] * 6, category=8),
        annotated(3, [40] * 6, iscrowd=True),
        annotated(4, [80] * 6, category=9),
    ]
    ((_, frames),) = frames_of_truth(Truth([VIDEO], CATEGORIES, tracks), IDS)
    assert [frame.labels.tolist() for frame in frames] == [[0, 1], [0, 1], [1], [0, 1], [0, 1], [1]]
    assert [frame.movements[0].tolist() for frame in frames] == [
        [0, 0],
        [8, 0],
        [0, 0],
        [0, 0],  # the frame before does not show it
        [1, 0],
        [0, 0],
    ]


def test_movement_holds_two_that_pass_each_other_and_overlap_does_not():
    detected = frames_of_results([VIDEO], [found(RIGHTWARD, 0.9), found(LEFTWARD, 0.8)], IDS)
    figures = {
        kind: association_figures(TRUTH, detected, kind(), IDS, 0.3)
        for kind in (MovementTracker, IouTracker)
    }
    perfect = {kind: rows["perfect_detections"] for kind, rows in figures.items()}
    assert perfect[MovementTracker]["HOTA"] == pytest.approx(1)
    assert perfect[MovementTracker]["AP"] == pytest.approx(1)
    assert perfect[MovementTracker]["id_switches"] == 0
    assert perfect[IouTracker]["id_switches"] > 0
    own = figures[IouTracker]["tracker"]
    assert own == {**perfect[IouTracker], "milliseconds": own["milliseconds"]}
    assert own["milliseconds"] > 0


def test_perfect_association_gives_what_is_found_its_objects_identity():
    detected = frames_of_results([VIDEO], [found(RIGHTWARD, 0.9), found(LEFTWARD, 0.8)], IDS)
    rows = association_figures(TRUTH, detected, Nobody(), IDS, 0.3)
    assert rows["tracker"]["AP"] == 0
    assert rows["perfect_association"]["AP"] == pytest.approx(1)
    assert rows["perfect_association"]["id_switches"] == 0


def test_perfect_association_leaves_what_finds_nothing_to_the_tracker():
    detected = frames_of_results([VIDEO], [found([0] * 6, 0.9), found(RIGHTWARD, 0.8)], IDS)
    truth = Truth([VIDEO], CATEGORIES, [annotated(11, RIGHTWARD)])
    ap50 = {
        kind: association_figures(truth, detected, kind(), IDS, 0.3)["perfect_association"]["AP50"]
        for kind in (IouTracker, Nobody)
    }
    assert ap50[IouTracker] == pytest.approx(1 / 2)  # one wrong track before the right one
    assert ap50[Nobody] == pytest.approx(1 / 7)  # six


def test_weak_detections_and_those_that_belong_to_no_track_are_left_out():
    detected = frames_of_results([VIDEO], [found(RIGHTWARD, 0.9)], IDS)
    truth = Truth([VIDEO], CATEGORIES, [annotated(11, RIGHTWARD)])
    for tracker, threshold in ((MovementTracker(), 0.95), (Nobody(begin=False), 0.3)):
        rows = association_figures(truth, detected, tracker, IDS, threshold)
        assert rows["tracker"]["AP"] == rows["perfect_association"]["AP"] == 0
