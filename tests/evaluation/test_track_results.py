from __future__ import annotations

import json

import numpy as np
import pytest

from sgnet.evaluation.results import save_results
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


@pytest.mark.parametrize("length", [None, 60])
@pytest.mark.parametrize("tracks", [0, 1, 40])
def test_how_large_the_results_file_will_be_is_known_before_it_is_written(length, tracks, tmp_path):
    random = np.random.default_rng(0)
    collector = TrackCollector(123_456, length, [10, 2_000])
    for frame in range(50):
        found = [
            TrackedInstance(
                track_id, frame % 2, random.random(), (0, 0, 6, 4), encode(mask), not mask.any()
            )
            for track_id in random.choice(40, tracks and random.integers(1, tracks + 1)).tolist()
            for mask in [(random.random((64, 96)) < random.choice([0.0, 0.3])).astype(np.uint8)]
        ]
        unique = list({item.track_id: item for item in found}.values())
        before = collector.results_bytes(unique)
        collector.add(frame, unique)
        assert collector.results_bytes() <= before
    save_results(collector.iterate(), tmp_path / "results.json")
    size = (tmp_path / "results.json").stat().st_size
    assert size <= collector.results_bytes() <= 1.05 * size + 10


def test_nothing_but_what_the_form_demands_is_written(tmp_path):
    collector = TrackCollector(1, 1000, [1])
    for frame in (0, 999):
        collector.add(frame, [instance(frame, 0, 0.5)])
    save_results(collector.iterate(), tmp_path / "results.json")
    text = (tmp_path / "results.json").read_text()
    assert text.count("null") == 2 * 999
    assert not [line for line in text.splitlines() if " " in line]
    assert {len(track["segmentations"]) for track in json.loads(text)} == {1000}
