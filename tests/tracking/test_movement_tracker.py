from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from builders import make_detections

from sgnet.tracking import MovementTracker


def paper_tracker(**settings) -> MovementTracker:
    """The paper's rule, unless something else is said."""
    rule = {"max_age": 0, "class_aware": False, "point": "location"}
    return MovementTracker(**{**rule, "class_cost": 0, "size_cost": 0, **settings})


def box(x: float, y: float, size: float = 20.0) -> tuple[float, float, float, float]:
    return (x - size / 2, y - size / 2, x + size / 2, y + size / 2)


def test_nothing_detected_gives_no_ids_and_keeps_counting():
    tracker = paper_tracker(max_age=1)
    assert tracker.update(make_detections([])) == []
    assert tracker.update(make_detections([box(10, 10)])) == [1]
    assert tracker.update(make_detections([])) == []
    assert tracker.update(make_detections([box(10, 10)])) == [1]


def test_movement_links_two_discs_that_cross():
    tracker = paper_tracker()
    tracker.update(make_detections([box(40, 50), box(60, 50)]))
    crossed = make_detections([box(58, 50), box(42, 50)], movements=[(18.0, 0.0), (-18.0, 0.0)])
    assert tracker.update(crossed) == [1, 2]


def test_without_movement_the_same_discs_swap():
    tracker = paper_tracker()
    tracker.update(make_detections([box(40, 50), box(60, 50)]))
    assert tracker.update(make_detections([box(58, 50), box(42, 50)])) == [2, 1]


@pytest.mark.parametrize(("distance", "expected"), [(19.9, 1), (20.0, 1), (20.1, 2)])
def test_a_track_reaches_as_far_as_the_mean_of_its_sides(distance, expected):
    tracker = paper_tracker()
    tracker.update(make_detections([(0, 0, 30, 10)]))
    moved = make_detections([(distance, 0, 30 + distance, 10)])
    assert tracker.update(moved) == [expected]


@pytest.mark.parametrize(
    ("scale", "distance", "expected"),
    [(0.5, 9.9, 1), (0.5, 10.1, 2), (2.0, 39.9, 1), (2.0, 40.1, 2)],
)
def test_the_reach_is_scaled_by_a_setting(scale, distance, expected):
    tracker = paper_tracker(radius_scale=scale)
    tracker.update(make_detections([(0, 0, 30, 10)]))
    moved = make_detections([(distance, 0, 30 + distance, 10)])
    assert tracker.update(moved) == [expected]


def test_a_larger_track_takes_what_passes_a_smaller_one_that_cannot_reach():
    tracker = paper_tracker()
    # radius 40 at x = 100, radius 4 at x = 130
    assert tracker.update(make_detections([box(100, 50, 40), box(130, 50, 4)])) == [1, 2]
    # 22 from the large one, 8 from the small one
    assert tracker.update(make_detections([box(122, 50, 40)])) == [1]


def test_the_closest_track_in_reach_wins_over_larger_ones():
    tracker = paper_tracker()
    tracker.update(make_detections([box(100, 50, 60), box(130, 50, 20)]))
    assert tracker.update(make_detections([box(120, 50, 20)])) == [2]


def test_a_track_out_of_reach_stays_free_for_the_next_detection():
    tracker = paper_tracker()
    tracker.update(make_detections([box(100, 50, 40), box(130, 50, 4)]))
    moved = make_detections([box(122, 50, 40), box(131, 50, 4)])
    assert tracker.update(moved) == [1, 2]


def test_where_all_tracks_in_reach_are_taken_a_track_begins():
    tracker = paper_tracker()
    tracker.update(make_detections([box(100, 50, 40), box(130, 50, 4)]))
    moved = make_detections([box(122, 50, 40), box(121, 50, 40)])
    assert tracker.update(moved) == [1, 3]


def test_of_two_equally_close_tracks_the_older_is_taken():
    tracker = paper_tracker()
    tracker.update(make_detections([box(40, 50), box(60, 50)]))
    assert tracker.update(make_detections([box(50, 50), box(50, 50), box(50, 50)])) == [1, 2, 3]


def test_a_track_matches_once_a_frame_and_the_better_score_goes_first():
    tracker = paper_tracker()
    tracker.update(make_detections([box(50, 50)]))
    assert tracker.update(make_detections([box(53, 50), box(50, 50)])) == [1, 2]


@pytest.mark.parametrize(("max_age", "expected"), [(0, 2), (1, 2), (2, 1)])
def test_tracks_end_after_max_age_frames(max_age, expected):
    tracker = paper_tracker(max_age=max_age)
    tracker.update(make_detections([box(50, 50)]))
    tracker.update(make_detections([]))
    tracker.update(make_detections([]))
    assert tracker.update(make_detections([box(50, 50)])) == [expected]


@pytest.mark.parametrize(("max_age", "expected"), [(0, 2), (1, 1)])
def test_an_age_of_0_matches_the_frame_before_and_no_other(max_age, expected):
    tracker = paper_tracker(max_age=max_age)
    assert tracker.update(make_detections([box(50, 50)])) == [1]
    assert tracker.update(make_detections([box(50, 50)])) == [1]  # the frame before
    tracker.update(make_detections([]))
    assert tracker.update(make_detections([box(50, 50)])) == [expected]


def test_class_aware_tracks_do_not_change_class():
    detections = (
        make_detections([box(50, 50)], labels=[0]),
        make_detections([box(50, 50)], labels=[1]),
    )
    for class_aware, expected in ((False, [1]), (True, [2])):
        tracker = paper_tracker(class_aware=class_aware)
        tracker.update(detections[0])
        assert tracker.update(detections[1]) == expected


def test_the_track_point_is_a_setting():
    first = make_detections([box(50, 50, 40)], locations=[(50.0, 50.0)])
    moved = make_detections([box(50, 50, 40)], locations=[(50.0, 95.0)])
    for point, expected in (("location", [2]), ("box_center", [1])):
        tracker = paper_tracker(point=point)
        tracker.update(first)
        assert tracker.update(moved) == expected


def test_memory_follows_live_tracks_not_frames():
    tracker = paper_tracker(max_age=2)
    for frame in range(500):
        tracker.update(make_detections([box(1000.0 * frame, 0), box(1000.0 * frame, 500)]))
    assert tracker.num_live == 2 * 3


class PlainTracker:
    """The same rules, one track and one detection at a time."""

    def __init__(
        self,
        max_age: int,
        class_aware: bool,
        class_cost: float = 0,
        size_cost: float = 0,
        max_cost: float = math.inf,
    ) -> None:
        self.max_age, self.class_aware, self.max_cost = max_age, class_aware, max_cost
        self.class_cost, self.size_cost = class_cost, size_cost
        self.tracks: list[dict] = []
        self.born = 0

    def update(self, detections) -> list[int]:
        free = list(self.tracks)
        for track in free:
            track["missed"] += 1
        ids = []
        for box, movement, label, score in zip(
            detections.boxes_xyxy.tolist(),
            detections.movements.tolist(),
            detections.labels.tolist(),
            detections.scores.tolist(),
            strict=True,
        ):
            x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            width, height = box[2] - box[0], box[3] - box[1]
            best, nearest = None, math.inf
            for track in free:
                gap = math.hypot(x - movement[0] - track["x"], y - movement[1] - track["y"])
                in_reach = gap <= track["radius"]
                is_same_class = not self.class_aware or track["label"] == label
                cost = gap
                if self.class_cost or self.size_cost:
                    cost = gap / track["radius"]
                    for side, other in ((width, track["width"]), (height, track["height"])):
                        cost += self.size_cost * abs(math.log(max(side, 1) / max(other, 1)))
                    if not self.class_aware:
                        share = track["votes"][label] / sum(track["votes"].values())
                        cost += self.class_cost * (1 - share)
                    in_reach &= cost <= self.max_cost
                if in_reach and is_same_class and cost < nearest:
                    best, nearest = track, cost
            if best is None:
                self.born += 1
                best = {"id": self.born, "votes": Counter()}
                self.tracks.append(best)
            else:
                free.remove(best)
            best["votes"][label] += score
            best.update(x=x, y=y, radius=(width + height) / 2, label=label, missed=0)
            best.update(width=width, height=height)
            ids.append(best["id"])
        self.tracks = [track for track in self.tracks if track["missed"] <= self.max_age]
        return ids


@pytest.mark.parametrize("costs", [(0, 0, 0.3), (0.7, 0, 9), (0, 0.4, 1), (1.5, 0.3, 1.3)])
@pytest.mark.parametrize("class_aware", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_ids_equal_those_of_a_plain_loop(seed, class_aware, costs):
    random = np.random.default_rng(seed)
    names = ("class_cost", "size_cost", "max_cost")
    settings = {"class_aware": class_aware, **dict(zip(names, costs, strict=True))}
    tracker = MovementTracker(max_age=2, point="box_center", **settings)
    plain = PlainTracker(max_age=2, **settings)
    for _ in range(30):
        count = int(random.integers(0, 25))
        frame = make_detections(
            [box(*random.uniform(0, 200, 2), random.uniform(5, 60)) for _ in range(count)],
            movements=[tuple(random.normal(0, 5, 2)) for _ in range(count)],
            labels=random.integers(0, 3, count).tolist(),
        )
        assert tracker.update(frame) == plain.update(frame)


@pytest.mark.parametrize("seed", range(5))
def test_ids_equal_those_of_a_plain_loop_where_many_distances_are_equal(seed):
    random = np.random.default_rng(seed)
    settings = {"class_aware": True, "class_cost": 0, "size_cost": 0}
    tracker = MovementTracker(max_age=2, point="box_center", **settings)
    plain = PlainTracker(max_age=2, **settings)
    for _ in range(30):
        count = int(random.integers(0, 25))
        # on a lattice, with radii that some distances equal
        frame = make_detections(
            [
                box(*(10.0 * random.integers(0, 8, 2)), 10.0 * float(s))
                for s in random.integers(1, 5, count)
            ],
            labels=random.integers(0, 2, count).tolist(),
        )
        assert tracker.update(frame) == plain.update(frame)


def test_a_class_that_flickers_keeps_its_track_where_the_class_costs_less_than_the_way():
    # the other track, of that class, is 18 pixels away, 0.9 of its radius
    for class_cost, expected in ((0.5, [1]), (2.0, [2])):
        tracker = paper_tracker(class_cost=class_cost, max_cost=9)
        tracker.update(make_detections([box(50, 50), box(68, 50)], labels=[0, 1]))
        assert tracker.update(make_detections([box(50, 50)], labels=[1])) == expected


def test_what_enters_where_another_left_is_another():
    # 8 pixels away, 0.4 of the radius; of another class and half the size
    new = make_detections([box(58, 50, 10)], labels=[1])
    for max_cost, expected in ((9, [1]), (1.3, [2])):
        tracker = paper_tracker(class_cost=0.7, size_cost=0.3, max_cost=max_cost)
        tracker.update(make_detections([box(50, 50)], labels=[0]))
        assert tracker.update(new) == expected


def test_votes_of_many_frames_outweigh_the_last_class():
    tracker = paper_tracker(class_cost=0.5)
    for labels in ([0, 1], [0, 1], [0, 1], [1, 1]):  # the first is taken for the other once
        assert tracker.update(make_detections([box(50, 50), box(68, 50)], labels=labels)) == [1, 2]
    # closer to the second, of the class that the first mostly had
    assert tracker.update(make_detections([box(60, 50)], labels=[0])) == [1]


def test_of_two_tracks_the_one_of_like_size_is_taken():
    for size_cost, expected in ((0.0, [2]), (0.5, [1])):
        tracker = paper_tracker(size_cost=size_cost)
        tracker.update(make_detections([box(50, 50, 40), box(60, 50, 10)]))
        # 5 of 40 pixels from the large one, 5 of 10 from the small one; without a cost both 5
        near = make_detections([box(56, 50, 40)])
        assert tracker.update(near) == expected


def test_classes_that_come_later_have_no_votes_yet():
    tracker = paper_tracker(class_cost=0.5)
    assert tracker.update(make_detections([box(50, 50)], labels=[0])) == [1]
    assert tracker.update(make_detections([box(52, 50), box(90, 50)], labels=[7, 9])) == [1, 2]
    assert tracker.update(make_detections([])) == []


def test_reset_starts_again_from_one():
    tracker = paper_tracker()
    tracker.update(make_detections([box(5, 5)]))
    tracker.reset()
    assert tracker.update(make_detections([box(500, 5)])) == [1]


@pytest.mark.parametrize(
    "settings",
    [
        {"point": "corner"},
        {"max_age": -1},
        {"radius_scale": 0},
        {"class_cost": -0.1},
        {"size_cost": math.nan},
        {"max_cost": -1},
    ],
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must"):
        paper_tracker(**settings)
