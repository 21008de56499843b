from __future__ import annotations

import numpy as np
import pytest

from sgnet.evaluation.track_results import TrackCollector
from sgnet.ops.rle import encode
from sgnet.structures import TrackedInstance


def instance(track_id: int, label: int, score: float, filled: bool = True) -> TrackedInstance:
    mask = np.full((4, 6), filled, dtype=np.uint8)
    return TrackedInstance(track_id, label, score, (0, 0, 6, 4), encode(mask), not filled)


def test_no_instances_give_no_tracks():
    collector = TrackCollector(7, 3, [10, 20])
    collector.add(0, [])
    assert collector.results() == []


def test_category_is_the_weighted_vote_and_score_the_mean():
    collector = TrackCollector(7, 4, [10, 20])
    collector.add(0, [instance(1, 0, 0.4)])
    collector.add(1, [instance(1, 0, 0.4), instance(2, 1, 0.6)])
    collector.add(3, [instance(1, 1, 0.9)])
    first, second = collector.results()
    assert (first.category_id, second.category_id) == (20, 20)
    assert first.score == pytest.approx((0.4 + 0.4 + 0.9) / 3)
    assert [mask is None for mask in first.segmentations] == [False, False, True, False]
    assert [mask is None for mask in second.segmentations] == [True, False, True, True]


def test_empty_masks_count_as_absent_and_tracks_of_them_vanish():
    collector = TrackCollector(7, 2, [10])
    collector.add(0, [instance(1, 0, 0.5), instance(2, 0, 0.5, filled=False)])
    collector.add(1, [instance(1, 0, 0.5, filled=False)])
    (track,) = collector.results()
    assert [mask is None for mask in track.segmentations] == [False, True]


def test_a_frame_outside_the_video_is_refused():
    with pytest.raises(ValueError, match=r"video 7.*length 2, got 2"):
        TrackCollector(7, 2, [10]).add(2, [])
