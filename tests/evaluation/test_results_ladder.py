"""The ladder of results alone, on scenes with one kind of error and on golden cases."""

from __future__ import annotations

import numpy as np
import pytest
from golden_case import CASES, Case

from sgnet.evaluation.average_precision import evaluate
from sgnet.evaluation.results_ladder import RUNGS, evaluate_ladder
from sgnet.ops.rle import decode, encode
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Rle, Video

SIZE, LENGTH = 20, 4
CATEGORIES = (Category(4, "cat"), Category(9, "dog"))
CAT, DOG = 4, 9


def mask(top: int, left: int, side: int = 6) -> Rle:
    pixels = np.zeros((SIZE, SIZE), np.uint8)
    pixels[top : top + side, left : left + side] = 1
    return encode(pixels)


MASKS = {CAT: [mask(0, t) for t in range(LENGTH)], DOG: [mask(12, t + 8) for t in range(LENGTH)]}
NOTHING = encode(np.zeros((SIZE, SIZE), np.uint8))
VIDEOS = (Video(7, SIZE, SIZE, LENGTH, ()), Video(3, SIZE, SIZE, LENGTH, ()))


def truth() -> list[AnnotatedTrack]:
    areas = (36.0,) * LENGTH
    return [
        AnnotatedTrack(10 * v.id + c, v.id, c, False, tuple(masks), (None,) * LENGTH, areas)
        for v in VIDEOS
        for c, masks in MASKS.items()
    ]


def ladder(*tracks: tuple[int, list[Rle | None], float]) -> dict[str, float]:
    """AP of each rung in per cent of tracks (category, masks, score), the same in both videos."""
    found = [ResultTrack(v.id, c, score, tuple(m)) for v in VIDEOS for c, m, score in tracks]
    rungs = evaluate_ladder(VIDEOS, CATEGORIES, truth(), found)
    assert list(rungs) == list(RUNGS)
    return {rung: round(100 * stats["AP"], 6) for rung, stats in rungs.items()}


def right(category: int, score: float = 0.9) -> tuple[int, list[Rle | None], float]:
    return category, list(MASKS[category]), score


def assert_mended_by(part: str, found: dict[str, float]) -> None:
    assert found == {rung: 100.0 if part in parts else 0.0 for rung, parts in RUNGS.items()}


def test_without_tracks_every_rung_is_0():
    assert set(ladder().values()) == {0.0}


def test_without_annotated_tracks_no_rung_is_defined():
    rungs = evaluate_ladder(VIDEOS, CATEGORIES, [], [ResultTrack(3, CAT, 0.5, (None,) * LENGTH)])
    assert {stats["AP"] for stats in rungs.values()} == {-1.0}


def test_where_all_is_right_every_rung_is_100():
    assert set(ladder(right(CAT), right(DOG)).values()) == {100.0}


def test_wrong_classes_are_mended_by_true_classes_alone():
    swapped = ladder((DOG, MASKS[CAT], 0.9), (CAT, MASKS[DOG], 0.8))
    assert_mended_by("classes", swapped)


def test_broken_tracks_are_mended_by_true_tracks_alone():
    def only(category: int, frame: int) -> list[Rle | None]:
        return [one if t == frame else None for t, one in enumerate(MASKS[category])]

    broken = [(c, only(c, t), 0.5 + t / 10) for c in MASKS for t in range(LENGTH)]
    assert_mended_by("tracks", ladder(*broken))


def test_wrong_masks_are_mended_by_true_masks_alone():
    # 18 of 36 pixels: found in each frame at an IoU of 0.5, right at the lowest threshold only
    half = {c: [encode_half(one) for one in masks] for c, masks in MASKS.items()}
    found = ladder(*((c, masks, 0.9) for c, masks in half.items()))
    for rung, parts in RUNGS.items():
        assert found[rung] == (100.0 if "masks" in parts else 10.0), rung


def encode_half(rle: Rle) -> Rle:
    pixels = decode(rle)
    rows = np.flatnonzero(pixels.any(axis=1))
    pixels[rows[3:]] = 0
    return encode(pixels)


@pytest.mark.parametrize("shown", [[None] * LENGTH, [NOTHING] * LENGTH, [mask(12, 0)] * LENGTH])
def test_a_false_track_of_high_score_costs_until_it_is_left_out_whatever_it_shows(shown):
    found = ladder(right(CAT), right(DOG), (CAT, shown, 0.99))
    # of the cats two false ones are first: precision 1/2 in the end, mean with the dogs' 1
    assert found.pop("all, false ones left out") == 100.0
    assert set(found.values()) == {75.0}


def test_of_two_on_one_object_the_better_one_finds_it_in_whatever_order_they_stand():
    # masks of the worse one would be as good; its class is wrong, and stays so
    for tracks in ([right(CAT), (DOG, MASKS[CAT], 0.3)], [(DOG, MASKS[CAT], 0.3), right(CAT)]):
        found = ladder(*tracks, right(DOG, 0.2))
        assert found["classes"] == found["none"] == 75.0
        assert found["all, false ones left out"] == 100.0


def test_an_object_that_is_not_found_is_missing_on_every_rung():
    assert set(ladder(right(CAT)).values()) == {50.0}


@pytest.mark.parametrize("name", CASES)
def test_the_lowest_rung_is_the_official_metric(name):
    case = Case(name)
    scored = (case.videos, case.categories, case.ground_truth, case.results)
    found = evaluate_ladder(*scored)
    expected = evaluate(*scored).stats
    assert found["none"] == {key: expected[key] for key in found["none"]}
    if expected["AP"] >= 0:
        assert found["all, false ones left out"]["AP50"] >= found["all"]["AP50"]
