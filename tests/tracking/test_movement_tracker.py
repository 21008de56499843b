from __future__ import annotations

import pytest
from builders import make_detections

from sgnet.tracking import MovementTracker


def box(x: float, y: float, size: float = 20.0) -> tuple[float, float, float, float]:
    return (x - size / 2, y - size / 2, x + size / 2, y + size / 2)


def test_nothing_detected_gives_no_ids_and_keeps_counting():
    tracker = MovementTracker(max_age=1)
    assert tracker.update(make_detections([])) == []
    assert tracker.update(make_detections([box(10, 10)])) == [1]
    assert tracker.update(make_detections([])) == []
    assert tracker.update(make_detections([box(10, 10)])) == [1]


def test_movement_links_two_discs_that_cross():
    tracker = MovementTracker()
    tracker.update(make_detections([box(40, 50), box(60, 50)]))
    crossed = make_detections([box(58, 50), box(42, 50)], movements=[(18.0, 0.0), (-18.0, 0.0)])
    assert tracker.update(crossed) == [1, 2]


def test_without_movement_the_same_discs_swap():
    tracker = MovementTracker()
    tracker.update(make_detections([box(40, 50), box(60, 50)]))
    assert tracker.update(make_detections([box(58, 50), box(42, 50)])) == [2, 1]


@pytest.mark.parametrize(("distance", "expected"), [(19.9, 1), (20.0, 1), (20.1, 2)])
def test_a_track_reaches_as_far_as_the_mean_of_its_sides(distance, expected):
    tracker = MovementTracker()
    tracker.update(make_detections([(0, 0, 30, 10)]))
    moved = make_detections([(distance, 0, 30 + distance, 10)])
    assert tracker.update(moved) == [expected]


def test_a_track_matches_once_a_frame_and_the_better_score_goes_first():
    tracker = MovementTracker()
    tracker.update(make_detections([box(50, 50)]))
    assert tracker.update(make_detections([box(53, 50), box(50, 50)])) == [1, 2]


@pytest.mark.parametrize(("max_age", "expected"), [(0, 2), (1, 2), (2, 1)])
def test_tracks_end_after_max_age_frames(max_age, expected):
    tracker = MovementTracker(max_age=max_age)
    tracker.update(make_detections([box(50, 50)]))
    tracker.update(make_detections([]))
    tracker.update(make_detections([]))
    assert tracker.update(make_detections([box(50, 50)])) == [expected]


def test_class_aware_tracks_do_not_change_class():
    detections = (
        make_detections([box(50, 50)], labels=[0]),
        make_detections([box(50, 50)], labels=[1]),
    )
    for class_aware, expected in ((False, [1]), (True, [2])):
        tracker = MovementTracker(class_aware=class_aware)
        tracker.update(detections[0])
        assert tracker.update(detections[1]) == expected


def test_the_track_point_is_a_setting():
    first = make_detections([box(50, 50, 40)], locations=[(50.0, 50.0)])
    moved = make_detections([box(50, 50, 40)], locations=[(50.0, 95.0)])
    for point, expected in (("location", [2]), ("box_center", [1])):
        tracker = MovementTracker(point=point)
        tracker.update(first)
        assert tracker.update(moved) == expected


def test_memory_follows_live_tracks_not_frames():
    tracker = MovementTracker(max_age=2)
    for frame in range(500):
        tracker.update(make_detections([box(1000.0 * frame, 0), box(1000.0 * frame, 500)]))
    assert tracker.num_live == 2 * 3


def test_reset_starts_again_from_one():
    tracker = MovementTracker()
    tracker.update(make_detections([box(5, 5)]))
    tracker.reset()
    assert tracker.update(make_detections([box(500, 5)])) == [1]


@pytest.mark.parametrize("settings", [{"point": "corner"}, {"max_age": -1}, {"radius_scale": 0}])
def test_wrong_settings_are_refused(settings):
    with pytest.raises(ValueError, match="point|max_age|radius_scale"):
        MovementTracker(**settings)
