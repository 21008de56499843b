from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from builders import make_detections

from sgnet.tracking.box_motion import BoxNoise, KalmanBoxes, LastBoxes
from sgnet.tracking.box_trackers import (
    ByteTracker,
    IouTracker,
    KalmanTracker,
    assign_best,
    assign_greedily,
)

TRACKERS = (IouTracker, KalmanTracker, ByteTracker)


def box(x: float, y: float = 50.0, size: float = 20.0) -> tuple[float, float, float, float]:
    return (x - size / 2, y - size / 2, x + size / 2, y + size / 2)


def seen(*xs: float, **columns):
    return make_detections([box(x) for x in xs], **columns)


@pytest.mark.parametrize("kind", TRACKERS)
def test_nothing_detected_gives_no_ids_and_keeps_counting(kind):
    tracker = kind(max_age=1)
    assert tracker.update(seen()) == []
    assert tracker.update(seen(10)) == [1]
    assert tracker.update(seen()) == []
    assert tracker.update(seen(10)) == [1]
    assert tracker.update(seen(10, 80)) == [1, 2]


@pytest.mark.parametrize("kind", TRACKERS)
@pytest.mark.parametrize(
    ("age", "missed", "expected"), [(0, 0, 1), (0, 1, 2), (2, 2, 1), (2, 3, 2)]
)
def test_a_track_ends_after_its_age(kind, age, missed, expected):
    tracker = kind(max_age=age)
    tracker.update(seen(10))
    for _ in range(missed):
        tracker.update(seen())
    assert tracker.update(seen(10)) == [expected]


@pytest.mark.parametrize("kind", TRACKERS)
@pytest.mark.parametrize(("aware", "expected"), [(True, 2), (False, 1)])
def test_classes_forbid_a_link_where_they_count(kind, aware, expected):
    tracker = kind(class_aware=aware)
    tracker.update(seen(10, labels=[0]))
    assert tracker.update(seen(10, labels=[1])) == [expected]


@pytest.mark.parametrize("kind", TRACKERS)
def test_the_class_seen_last_counts(kind):
    tracker = kind(class_aware=False)
    tracker.update(seen(10, labels=[0]))
    tracker.update(seen(10, labels=[1]))
    tracker.class_aware = True
    assert tracker.update(seen(10, labels=[1])) == [1]


@pytest.mark.parametrize("kind", TRACKERS)
def test_resetting_begins_at_one(kind):
    tracker = kind()
    tracker.update(seen(10, 60))
    tracker.reset()
    assert tracker.update(seen(60)) == [1]


@pytest.mark.parametrize("kind", [IouTracker, KalmanTracker])
@pytest.mark.parametrize(("shift", "expected"), [(5.9, 1), (6.1, 2)])
def test_a_link_needs_its_overlap(kind, shift, expected):
    tracker = kind(min_iou=14 / 26)  # of two boxes 20 wide, 6 apart
    tracker.update(seen(10))
    assert tracker.update(seen(10 + shift)) == [expected]


def test_a_strong_detection_takes_its_best_where_the_best_sum_would_not():
    boxes = [box(50, 50), box(58, 50)]
    later = make_detections([box(55, 50), box(64, 50)])
    for kind, expected in ((IouTracker, [2, 3]), (KalmanTracker, [1, 2])):
        tracker = kind(min_iou=0.3)
        tracker.update(make_detections(boxes))
        assert tracker.update(later) == expected, kind


def test_an_object_that_went_on_behind_another_is_found_where_it_was_expected():
    ids = {}
    for kind in (IouTracker, KalmanTracker):
        tracker = kind(**({"velocity_noise": 0.1} if kind is KalmanTracker else {}))
        for frame in range(8):
            tracker.update(seen(10 + 8 * frame))
        for _ in range(3):
            tracker.update(seen())
        ids[kind] = tracker.update(seen(10 + 8 * 11))
    assert ids == {IouTracker: [2], KalmanTracker: [1]}


def test_weak_detections_extend_tracks_and_start_none():
    tracker = ByteTracker(strong=0.5, begin=0.6)
    assert tracker.update(seen(10, 50, 90, scores=[0.9, 0.55, 0.3])) == [1, 0, 0]
    assert tracker.update(seen(90, 12, scores=[0.9, 0.2])) == [2, 1]
    assert tracker.update(seen(90, 12, scores=[0.9, 0.2])) == [2, 1]


def test_strong_detections_come_first_however_well_a_weak_one_fits():
    tracker = ByteTracker(strong=0.5, begin=0.5)
    tracker.update(seen(10, scores=[0.9]))
    assert tracker.update(seen(16, 10, scores=[0.6, 0.4])) == [1, 0]


def test_tracks_that_were_lost_take_strong_detections_only():
    for scores, expected in (([0.4], [0]), ([0.9], [1])):
        tracker = ByteTracker(strong=0.5, begin=0.5)
        tracker.update(seen(10, scores=[0.9]))
        tracker.update(seen())
        assert tracker.update(seen(10, scores=scores)) == expected


def test_weak_links_need_an_overlap_of_their_own():
    for shift, expected in ((6, 1), (8, 0)):  # IoU 14/26 and 12/28
        tracker = ByteTracker(strong=0.5, begin=0.5, weak_min_iou=0.5)
        tracker.update(seen(10, scores=[0.9]))
        assert tracker.update(seen(10 + shift, scores=[0.4])) == [expected]


@pytest.mark.parametrize(
    ("kind", "settings", "word"),
    [
        (IouTracker, {"min_iou": 0}, "min_iou must be a number above 0 to 1"),
        (IouTracker, {"max_age": -1}, "max_age"),
        (KalmanTracker, {"class_aware": "yes"}, "class_aware"),
        (KalmanTracker, {"position_noise": 0}, "position_noise"),
        (ByteTracker, {"strong": 0.5, "begin": 0.4}, "begin must be a number from 0.5"),
        (ByteTracker, {"weak_min_iou": 2}, "weak_min_iou"),
    ],
)
def test_settings_out_of_their_limits_are_refused(kind, settings, word):
    with pytest.raises(ValueError, match=word):
        kind(**settings)


def test_the_best_assignment_is_that_of_trying_all():
    random = np.random.default_rng(0)
    for _ in range(50):
        overlaps = random.random((4, 4)) * (random.random((4, 4)) < 0.6)
        rows, columns = assign_best(overlaps)
        assert len(set(rows)) == len(rows)
        best = max(overlaps[np.arange(4), list(order)].sum() for order in permutations(range(4)))
        assert overlaps[rows, columns].sum() == pytest.approx(best)
        assert (overlaps[rows, columns] > 0).all()


@pytest.mark.parametrize("assign", [assign_greedily, assign_best])
@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_is_linked_with_nothing(assign, shape):
    rows, columns = assign(np.zeros(shape))
    assert rows.shape == columns.shape == (0,)


def test_greedy_links_go_by_rank():
    overlaps = np.array([[0.5, 0.4], [0.9, 0.3], [0.0, 0.2]])
    assert [part.tolist() for part in assign_greedily(overlaps)] == [[0, 1], [0, 1]]


def test_four_small_filters_are_the_filter_of_all_eight_states():
    noise = BoxNoise(0.07, 0.02)
    random = np.random.default_rng(1)
    boxes = np.array([[10.0, 20.0, 40.0, 80.0]])
    kalman = KalmanBoxes.born(boxes, noise)

    def centred(one):
        low, high = one[:2], one[2:]
        return np.concatenate([(low + high) / 2, high - low])

    step = np.eye(8) + np.eye(8, k=4)  # states: the four values, then their velocities
    look = np.eye(4, 8)
    state = np.concatenate([centred(boxes[0]), np.zeros(4)])
    size = state[2:4].mean()
    spread = np.diag([(2 * 0.07 * size) ** 2] * 4 + [(10 * 0.02 * size) ** 2] * 4)
    for frame in range(6):
        size = state[2:4].mean()
        state = step @ state
        spread = step @ spread @ step.T
        spread += np.diag([(0.07 * size) ** 2] * 4 + [(0.02 * size) ** 2] * 4)
        kalman.predict(noise)
        if frame != 3:  # once it is not seen
            boxes = boxes + random.normal(0, 2, (1, 4)) + [[3, 1, 4, 1]]
            size = state[2:4].mean()
            gain = spread @ look.T @ np.linalg.inv(
                look @ spread @ look.T + np.eye(4) * (0.07 * size) ** 2
            )  # fmt: skip
            state = state + gain @ (centred(boxes[0]) - look @ state)
            spread = (np.eye(8) - gain @ look) @ spread
            kalman = kalman.measured(boxes, noise)
        np.testing.assert_allclose(kalman.values[0], state[:4])
        np.testing.assert_allclose(kalman.velocities[0], state[4:])
        np.testing.assert_allclose(kalman.value_variances[0], np.diag(spread)[:4])
        np.testing.assert_allclose(kalman.covariances[0], np.diag(spread, k=4))
        np.testing.assert_allclose(kalman.velocity_variances[0], np.diag(spread)[4:])
    halves = state[2:4] / 2
    expected = np.concatenate([state[:2] - halves, state[:2] + halves])
    np.testing.assert_allclose(kalman.expected()[0], expected)


def test_boxes_that_stay_are_those_seen_last():
    boxes = LastBoxes.born(np.array([[1.0, 2, 3, 4]]), BoxNoise())
    boxes.predict(BoxNoise())
    assert boxes.expected().tolist() == [[1, 2, 3, 4]]
    assert boxes.measured(np.array([[5.0, 6, 7, 8]]), BoxNoise()).expected()[0, 0] == 5
