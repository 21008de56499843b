from __future__ import annotations

import numpy as np
import pytest

from sgnet.evaluation.oracle import (
    LADDER,
    FoundInstance,
    TrueObject,
    oracle_ladder,
    replaced_tracks,
)
from sgnet.ops.rle import encode
from sgnet.records import AnnotatedTrack, Category, Rle, TrackedInstance, Video

SIZE = 20
LENGTH = 4
VIDEO = Video(3, SIZE, SIZE, LENGTH, ())
CATEGORIES = (Category(4, "cat"), Category(9, "dog"))
IDS = [4, 9]  # of the class indices


def mask(top: int, left: int, side: int = 6) -> Rle:
    pixels = np.zeros((SIZE, SIZE), np.uint8)
    pixels[top : top + side, left : left + side] = 1
    return encode(pixels)


TRUE = {11: [mask(0, t) for t in range(LENGTH)], 12: [mask(12, t + 8) for t in range(LENGTH)]}
LABELS = {11: 0, 12: 1}


def truth() -> list[AnnotatedTrack]:
    areas = (36.0,) * LENGTH
    return [
        AnnotatedTrack(n, 3, IDS[LABELS[n]], False, tuple(masks), (None,) * LENGTH, areas)
        for n, masks in TRUE.items()
    ]


def detection(
    number: int, frame: int, track=None, label=None, found=None, boxed=None, score=0.9
) -> FoundInstance:
    """Of an object, right where nothing else is said."""
    predicted = TRUE[number][frame] if found is None else found
    kind = LABELS[number] if label is None else label
    identity = number - 10 if track is None else track
    instance = TrackedInstance(identity, kind, score, (0, 0, 1, 1), predicted, False)
    item = TrueObject(number, LABELS[number], TRUE[number][frame])
    return FoundInstance(instance, item, predicted if boxed is None else boxed)


def false_one(track: int, score: float, label: int = 0) -> FoundInstance:
    found = mask(12, 0)
    return FoundInstance(
        TrackedInstance(track, label, score, (0, 0, 1, 1), found, False), None, None
    )


def ladder(*frames: list[FoundInstance]) -> dict[str, float]:
    """AP of each rung in per cent."""
    found = oracle_ladder([(VIDEO, frames)], IDS, CATEGORIES, truth())
    assert list(found) == list(LADDER)
    return {rung: round(100 * stats["AP"], 6) for rung, stats in found.items()}


def frames(**wrong) -> list[list[FoundInstance]]:
    return [[detection(n, t, **wrong) for n in TRUE] for t in range(LENGTH)]


def test_where_all_is_right_every_rung_is_100():
    assert set(ladder(*frames()).values()) == {100.0}


def test_nothing_found_is_0_on_every_rung():
    assert set(ladder(*[[]] * LENGTH).values()) == {0.0}


def test_wrong_classes_are_mended_by_true_classes_alone():
    swapped = [[detection(n, t, label=1 - LABELS[n]) for n in TRUE] for t in range(LENGTH)]
    found = ladder(*swapped)
    for rung, parts in LADDER.items():
        assert found[rung] == (100 if "classes" in parts else 0), rung


def test_broken_tracks_are_mended_by_true_tracks_alone():
    # each frame begins a track of a quarter of the object: IoU 1/4 with the true one
    broken = [[detection(n, t, track=100 * t + n) for n in TRUE] for t in range(LENGTH)]
    found = ladder(*broken)
    for rung, parts in LADDER.items():
        assert found[rung] == (100 if "tracks" in parts else 0), rung


def test_swapped_tracks_are_mended_by_true_tracks_alone():
    other = {11: 12, 12: 11}
    swapped = [
        [detection(n, t, track=(n if t < 2 else other[n]) - 10, label=0) for n in TRUE]
        for t in range(LENGTH)
    ]
    found = ladder(*swapped)
    assert found["tracks"] == 50.0  # the cat; the dog has the cat's class
    assert found["all"] == 100.0
    assert found["none"] == found["classes"] == found["masks"] == 0.0


def test_wrong_masks_are_mended_by_true_masks_and_by_true_boxes_where_these_were_wrong():
    empty = encode(np.zeros((SIZE, SIZE), np.uint8))
    found = ladder(*frames(found=empty, boxed=empty))
    for rung, parts in LADDER.items():
        assert found[rung] == (100 if "masks" in parts else 0), rung
    boxed = [[detection(n, t, found=empty, boxed=TRUE[n][t]) for n in TRUE] for t in range(LENGTH)]
    found = ladder(*boxed)
    for rung, parts in LADDER.items():
        assert found[rung] == (100 if {"masks", "boxes"} & set(parts) else 0), rung


def test_a_track_that_true_boxes_leave_without_a_mask_is_none():
    empty = encode(np.zeros((SIZE, SIZE), np.uint8))
    seen = [[detection(11, 0, boxed=empty)]]
    assert len(list(replaced_tracks(VIDEO, seen, IDS, ()))) == 1
    assert list(replaced_tracks(VIDEO, seen, IDS, ("boxes",))) == []


def test_a_false_detection_of_high_score_costs_until_it_is_left_out():
    lone = [[*frame, false_one(50, 0.99)] for frame in frames()]
    found = ladder(*lone)
    # of the cats the false one is first: precision 1/2 at every recall, mean with the dogs' 1
    assert found.pop("all, false ones left out") == 100.0
    assert set(found.values()) == {75.0}


def test_an_object_that_is_not_found_is_missing_on_every_rung():
    assert set(ladder(*[[detection(11, t)] for t in range(LENGTH)]).values()) == {50.0}


def test_predicted_and_true_identities_never_meet():
    # the false detection has the identity that equals the true track's id
    mixed = [[detection(11, 0), false_one(11, 0.5)], [], [], []]
    tracks = list(replaced_tracks(VIDEO, mixed, IDS, ("tracks",)))
    assert sorted(track.score for track in tracks) == [0.5, 0.9]


@pytest.mark.parametrize("parts", LADDER.values())
def test_an_id_of_zero_is_a_track_as_well(parts):
    item = TrueObject(0, 0, mask(0, 0))
    instance = TrackedInstance(1, 0, 0.9, (0, 0, 1, 1), mask(0, 0), False)
    (track,) = replaced_tracks(VIDEO, [[FoundInstance(instance, item, mask(0, 0))]], IDS, parts)
    assert track.segmentations == (mask(0, 0), None, None, None)
