from __future__ import annotations

import math

import numpy as np
import pytest

from sgnet.evaluation.object_figures import (
    FIGURES,
    ObjectTable,
    mean_difference,
    mean_figure,
    object_figures,
    paired_differences,
)

NAN = math.nan


def table(*rows: tuple[int, int, int, float]) -> ObjectTable:
    """Rows of video, frame, object and one value that all figures take."""
    keys = [(*row[:3], 1) for row in rows]
    return ObjectTable.of(keys, [[row[3]] * len(FIGURES) for row in rows])


def test_no_object_has_no_figure():
    for figure in object_figures(table()).values():
        assert (figure.mean, figure.standard_error, figure.plain_standard_error) == (None,) * 3
        assert (figure.objects, figure.videos) == (0, 0)
    difference = paired_differences(table(), table(), 10, 0)["mask_iou"]
    assert (difference.mean, difference.low, difference.objects) == (None, None, 0)


def test_a_figure_of_two_videos_is_worked_out_by_hand():
    # deviations from the mean 5/8: video 1 has 3/8 + 3/8 - 5/8 = 1/8, video 2 has 3/8 - 4/8 = -1/8
    values = np.array([1, 1, 0, 1, 0.125, NAN])
    figure = mean_figure(values, np.array([1, 1, 1, 2, 2, 3]))
    assert figure.mean == pytest.approx(0.625)
    assert figure.standard_error == pytest.approx(math.sqrt((2 / 64) * 2) / 5)
    assert figure.plain_standard_error == pytest.approx(np.std(values[:5], ddof=1) / math.sqrt(5))
    assert (figure.objects, figure.videos) == (5, 2)


def test_one_video_has_no_standard_error_over_videos():
    figure = mean_figure(np.array([1.0, 0.0]), np.array([4, 4]))
    assert figure.standard_error is None
    assert figure.plain_standard_error == pytest.approx(0.5)
    assert mean_figure(np.array([1.0]), np.array([4])).plain_standard_error is None


def correlated(random: np.random.Generator, videos: int = 30) -> tuple[np.ndarray, np.ndarray]:
    lengths = random.integers(5, 40, videos)
    index = np.repeat(np.arange(videos), lengths)
    return random.normal(0, 1, videos)[index] + random.normal(0, 0.5, len(index)), index


def test_the_clustered_error_is_that_of_repeated_draws_and_the_plain_one_too_small():
    random = np.random.default_rng(0)
    figures = [mean_figure(*correlated(random)) for _ in range(400)]
    spread = np.std([figure.mean for figure in figures])
    assert np.mean([figure.standard_error for figure in figures]) == pytest.approx(spread, rel=0.1)
    assert np.mean([figure.plain_standard_error for figure in figures]) < spread / 2


def test_the_interval_of_a_difference_is_that_of_videos_drawn_one_by_one():
    values, videos = correlated(np.random.default_rng(1))
    found = mean_difference(values, videos, 4000, 0)
    random = np.random.default_rng(2)
    means = []
    for _ in range(4000):
        drawn = random.integers(0, 30, 30)
        means.append(np.concatenate([values[videos == v] for v in drawn]).mean())
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(np.percentile(means, (2.5, 97.5)), abs=0.03)
    assert (found.objects, found.videos) == (len(values), 30)


def test_pairs_are_found_whatever_the_order_and_undefined_ones_left_out():
    ours = table((1, 0, 7, 0.9), (1, 1, 7, 0.8), (2, 0, 3, 0.5), (2, 1, 3, NAN))
    others = table((2, 1, 3, 0.1), (2, 0, 3, 0.2), (1, 1, 7, 0.5), (1, 0, 7, 0.6))
    difference = paired_differences(ours, others, 500, 0)["box_iou"]
    assert difference.mean == pytest.approx(0.3)
    assert (difference.low, difference.high) == pytest.approx((0.3, 0.3))
    assert difference.objects == 3


def test_the_same_seed_gives_the_same_interval():
    values, videos = correlated(np.random.default_rng(1))
    assert mean_difference(values, videos, 50, 3) == mean_difference(values, videos, 50, 3)
    assert mean_difference(values, videos, 50, 3) != mean_difference(values, videos, 50, 4)


@pytest.mark.parametrize("other", [table((1, 0, 7, 0.5)), table((1, 0, 7, 0), (1, 1, 8, 0))])
def test_systems_on_other_objects_are_not_compared(other):
    ours = table((1, 0, 7, 0.9), (1, 1, 7, 0.8))
    with pytest.raises(
        ValueError, match=f"the same objects, got 1 shared of 2 here and {len(other)}"
    ):
        paired_differences(ours, other, 10, 0)
