from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from golden_case import CASES, Case

from sgnet.evaluation.average_precision import UNDEFINED, evaluate, match_categories
from sgnet.evaluation.intervals import (
    drawn_videos,
    figure_differences,
    figure_intervals,
    intervals_table,
    resampled_figures,
)

COPIES = 100  # more than a video is drawn


def matched(case: Case, results=None):
    tracks = case.results if results is None else results
    return match_categories(case.videos, case.categories, case.ground_truth, tracks)


def video_ids(case: Case) -> list[int]:
    return [video.id for video in case.videos]


def repeated(case: Case, times: dict[int, int]):
    """The videos as often as they were drawn, each copy a video of its own, in the same order."""

    def copies(tracks):
        return [
            replace(track, video_id=track.video_id * COPIES + copy)
            for track in tracks
            for copy in range(times[track.video_id])
        ]

    videos = [
        replace(video, id=video.id * COPIES + copy)
        for video in case.videos
        for copy in range(times[video.id])
    ]
    return videos, case.categories, copies(case.ground_truth), copies(case.results)


@pytest.mark.parametrize("name", CASES)
def test_every_video_once_gives_the_official_figures(name):
    case = Case(name)
    drawn = resampled_figures(matched(case), video_ids(case), np.ones((1, len(case.videos)), int))
    for figure, value in case.expected["stats"].items():
        (got,) = drawn.get(figure, [np.nan])
        expected = np.nan if value == UNDEFINED else value
        assert got == pytest.approx(expected, abs=1e-9, nan_ok=True), figure


@pytest.mark.parametrize("name", CASES)
def test_a_resample_is_scored_like_a_data_set_of_its_own(name):
    case = Case(name)
    case.results = [  # without ties, whose order is arbitrary
        replace(track, score=track.score - 1e-9 * place) for place, track in enumerate(case.results)
    ]
    ids = video_ids(case)
    times = drawn_videos(len(ids), 6, seed=1)
    drawn = resampled_figures(matched(case), ids, times)
    for row, counts in enumerate(times.tolist()):
        expected = evaluate(*repeated(case, dict(zip(ids, counts, strict=True)))).stats
        for figure, value in expected.items():
            got = drawn[figure][row] if figure in drawn else np.nan
            assert got == pytest.approx(np.nan if value == UNDEFINED else value, nan_ok=True), (
                figure
            )


def test_every_video_is_drawn_as_often_as_any_other():
    times = drawn_videos(5, 4000, seed=0)
    assert (times.sum(axis=1) == 5).all()
    assert times.mean(axis=0) == pytest.approx(np.ones(5), abs=0.06)
    assert times.var(axis=0) == pytest.approx(np.full(5, 0.8), abs=0.08)  # 5 draws of a fifth


def test_intervals_are_those_of_the_resamples_and_repeat():
    case = Case("basic_mixed")
    found, again, other = (
        figure_intervals(matched(case), video_ids(case), 200, seed) for seed in (3, 3, 4)
    )
    assert found == again
    assert found != other
    assert found["AP"].value == pytest.approx(case.expected["stats"]["AP"])
    times = drawn_videos(len(case.videos), 200, seed=3)
    drawn = resampled_figures(matched(case), video_ids(case), times)["AP"]
    drawn = np.sort(drawn[~np.isnan(drawn)])
    assert found["AP"].resamples == len(drawn)
    assert np.mean(drawn < found["AP"].low) == pytest.approx(0.025, abs=0.01)
    assert np.mean(drawn > found["AP"].high) == pytest.approx(0.025, abs=0.01)
    assert found["AP"].standard_error == pytest.approx(drawn.std(ddof=1))


def test_what_is_never_annotated_has_no_figure():
    case = Case("all_none")
    found = figure_intervals(matched(case), video_ids(case), 20, seed=0)
    for name, value in case.expected["stats"].items():
        assert (found[name].value is None) == (value == UNDEFINED)
    assert "-" in intervals_table(found, "over videos")


def test_one_video_says_nothing_of_others():
    case = Case("basic_mixed")
    case.videos = case.videos[:1]
    only = case.videos[0].id
    case.ground_truth = [t for t in case.ground_truth if t.video_id == only]
    case.results = [t for t in case.results if t.video_id == only]
    found = figure_intervals(matched(case), [only], 50, seed=0)["AP"]
    assert found.value is not None
    assert (found.low, found.high, found.standard_error, found.resamples) == (None, None, None, 0)


def test_results_do_not_differ_from_themselves():
    case = Case("basic_mixed")
    found = figure_differences(matched(case), matched(case), video_ids(case), 50, seed=0)
    ap = found["AP"]
    assert (ap.value, ap.low, ap.high, ap.better) == (0, 0, 0, 0.5)
    assert "better in 50 % of the resamples" in intervals_table(found, "over videos")


def test_results_are_compared_on_the_same_resamples():
    case = Case("basic_mixed")
    perfect = [
        replace(result, segmentations=truth.segmentations, category_id=truth.category_id)
        for truth in case.ground_truth
        for result in [replace(case.results[0], video_id=truth.video_id, score=0.9)]
    ]
    ids = video_ids(case)
    found = figure_differences(matched(case, perfect), matched(case), ids, 100, seed=0)["AP"]
    times = drawn_videos(len(ids), 100, seed=0)
    drawn = [
        resampled_figures(m, ids, times)["AP"] for m in (matched(case, perfect), matched(case))
    ]
    differences = drawn[0] - drawn[1]
    known = differences[~np.isnan(differences)]
    assert found.low == pytest.approx(np.percentile(known, 2.5))
    assert found.better == pytest.approx(np.mean(known > 0) + np.mean(known == 0) / 2)
    assert found.better > 0.9
