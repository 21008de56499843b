from __future__ import annotations

import numpy as np
import pytest

from sgnet.evaluation.identity_switches import IdentitySwitches

NEW, STAYED, SWITCHED = None, False, True


def played(*frames: tuple[list[list[float]], list[int], list[int]]) -> list[list[bool | None]]:
    counter = IdentitySwitches()
    return [
        counter.add(np.array(ious, float).reshape(len(tracks), len(objects)), tracks, objects)
        for ious, tracks, objects in frames
    ]


APART = [[1.0, 0.0], [0.0, 1.0]]


def test_empty_frames_hold_no_switch():
    assert played(([], [], []), ([[]], [1], []), ([], [], [5])) == [[], [], [None]]


def test_two_tracks_that_swap_their_ids_are_two_switches():
    frames = played((APART, [1, 2], [7, 8]), (APART, [2, 1], [7, 8]), (APART, [2, 1], [7, 8]))
    assert frames == [[NEW, NEW], [SWITCHED, SWITCHED], [STAYED, STAYED]]


def test_an_object_that_comes_back_under_another_id_is_a_switch():
    seen = ([[0.9]], [1], [7])
    missed = ([[0.4]], [1], [7])
    assert played(seen, missed, ([[0.9]], [1], [7])) == [[NEW], [None], [STAYED]]
    assert played(seen, missed, ([], [], []), ([[0.9]], [3], [7]))[-1] == [SWITCHED]


def test_an_id_that_still_overlaps_is_kept_though_another_fits_better():
    assert played(([[0.9]], [1], [7]), ([[0.9], [0.5]], [2, 1], [7])) == [[NEW], [STAYED]]
    assert played(([[0.9]], [1], [7]), ([[0.9], [0.49]], [2, 1], [7])) == [[NEW], [SWITCHED]]


def test_what_is_left_is_matched_one_to_one_by_falling_iou():
    # detection 1 fits object 8 best; object 7 takes the other, though 1 fits it better, too
    frames = played(([[0.8, 0.9], [0.6, 0.7]], [1, 2], [7, 8]), (APART, [2, 1], [7, 8]))
    assert frames == [[NEW, NEW], [STAYED, STAYED]]


def test_of_two_objects_that_had_one_id_the_last_keeps_it():
    first, second = ([[1.0]], [1], [7]), ([[1.0]], [1], [8])
    both = ([[0.9, 0.6]], [1], [7, 8])
    assert played(first, second, both)[-1] == [None, STAYED]
    assert played(second, first, both)[-1] == [STAYED, None]
    assert played(first, second, first, both)[-1] == [STAYED, None]
    assert played(second, first, second, both)[-1] == [None, STAYED]


def test_switches_are_those_of_a_plain_walk_where_objects_never_overlap():
    random = np.random.default_rng(0)
    counter, last = IdentitySwitches(), {}
    for _ in range(60):
        objects = [o for o in range(4) if random.random() < 0.8]
        ids = {o: int(i) for o, i in zip(objects, random.permutation(6), strict=False)}
        shown = [o for o in objects if random.random() < 0.8]
        ious = np.array([[float(o == d) for o in objects] for d in shown])
        expected = []
        for o in objects:
            expected.append((ids[o] != last[o]) if o in shown and o in last else None)
            if o in shown:
                last[o] = ids[o]
        found = counter.add(
            ious.reshape(len(shown), len(objects)), [ids[o] for o in shown], objects
        )
        assert found == expected


@pytest.mark.parametrize(("threshold", "expected"), [(0.3, STAYED), (0.5, None)])
def test_the_threshold_decides_what_is_found(threshold, expected):
    counter = IdentitySwitches(threshold)
    counter.add(np.array([[0.9]]), [1], [7])
    assert counter.add(np.array([[0.4]]), [1], [7]) == [expected]
