"""Figures beside numbers worked out by hand and plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from sgnet.data.annotations.annotation_writer import visible_track
from sgnet.data_check.figures import (
    Figures,
    as_json,
    covered_shares,
    gaps_of,
    motions_of,
    spread,
)
from sgnet.ops.rle import encode
from sgnet.records import Category, Video

CATEGORIES = (Category(1, "bear"), Category(2, "ape"))


def square(x, y, side=4, height=30, width=40):
    mask = np.zeros((height, width), np.uint8)
    mask[y : y + side, x : x + side] = 1
    return encode(mask)


def test_no_videos_have_no_figures():
    found = as_json(Figures.of(CATEGORIES))
    assert (found["videos"], found["frames"], found["tracks"]) == (0, 0, 0)
    assert found["motions"] is None
    assert found["may_be_occluded"] is None


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("", (0, 0)),
        ("000", (0, 0)),
        ("0110", (0, 0)),
        ("1011", (1, 1)),
        ("100101", (3, 2)),
        ("0100010", (3, 1)),
    ],
)
def test_gaps_lie_between_the_first_and_the_last_sight(visible, expected):
    assert gaps_of([v == "1" for v in visible]) == expected


def test_motion_is_the_way_of_the_centre_between_neighbouring_frames():
    masks = [square(0, 0), square(3, 4), None, square(3, 4), square(3, 4, side=6)]
    assert motions_of(visible_track(1, 1, 1, masks)) == [5.0, pytest.approx(2**0.5)]


def test_covered_shares_are_those_of_a_plain_loop():
    generator = np.random.default_rng(0)
    boxes = generator.integers(1, 20, (9, 4)).astype(float)
    shares = []
    for i, (x, y, w, h) in enumerate(boxes):
        best = 0.0
        for j, (a, b, c, d) in enumerate(boxes):
            if i != j:
                wide = max(0, min(x + w, a + c) - max(x, a))
                high = max(0, min(y + h, b + d) - max(y, b))
                best = max(best, wide * high / (w * h))
        shares.append(best)
    assert covered_shares(boxes) == pytest.approx(shares)


def test_the_figures_of_a_small_video_are_those_counted_by_hand():
    video = Video(1, 40, 30, 4, ())
    tracks = [
        visible_track(1, 1, 1, [square(0, 0), None, square(3, 4), square(3, 4)]),
        visible_track(2, 1, 2, [None, None, square(6, 4), None]),
        visible_track(3, 1, 1, [square(20, 20), None, None, None], crowd=True),
    ]
    figures = Figures.of(CATEGORIES)
    assert figures.add(video, tracks) == []
    found = as_json(figures)
    assert (found["tracks"], found["crowds"], found["objects"], found["frames"]) == (3, 1, 5, 4)
    assert figures.objects_per_frame == [2, 0, 2, 1]
    assert found["frames_without_objects"] == 0.25
    assert figures.motions == [0.0]
    assert (figures.hidden, figures.covered, figures.overlapping) == (1, 2, 2)
    assert found["may_be_occluded"] == pytest.approx(3 / 5)
    assert (figures.gaps, found["tracks_of_one_frame"]) == ([1, 0], 1)
    assert found["box_shares"]["max"] == pytest.approx(16 / 1200)
    bear = {"name": "bear", "videos": 1, "tracks": 2, "objects": 4}
    assert found["categories"]["1"] == bear


def test_two_tracks_of_one_object_are_named():
    tracks = [visible_track(n, 1, 1, [square(5, 5), square(9, 5)]) for n in (1, 2)]
    tracks.insert(1, visible_track(3, 1, 2, [square(20, 20), square(10, 5)]))
    assert Figures.of(CATEGORIES).add(Video(1, 40, 30, 2, ()), tracks) == [(0, 2)]


def test_a_spread_holds_the_quantiles():
    assert spread([]) is None
    assert spread([3, 1, 2]) == pytest.approx(
        {"min": 1, "5%": 1.1, "median": 2, "mean": 2, "95%": 2.9, "max": 3}
    )
