"""What is measured in input pixels, at input sizes worked out by hand."""

from __future__ import annotations

import pytest

from sgnet.ops.input_size import (
    PAPER_SIZE,
    RANGES,
    cell_size_of,
    length_scale,
    min_area_of,
    regression_ranges_of,
)


@pytest.mark.parametrize(
    ("size", "cell", "ranges", "area"),
    [
        ((360, 640), 50, [64, 128, 256, 512], 4),
        ((640, 360), 50, [64, 128, 256, 512], 4),  # upright
        ((144, 256), 20, [32, 64, 128, 256], 1),  # 0.4 of the sides, 0.16 of the area
        ((288, 512), 40, [64, 128, 256, 512], 3),  # 0.8 and 0.64
        ((720, 1280), 100, [128, 256, 512, 1024], 16),
        ((480, 480), 50, [64, 128, 256, 512], 4),  # as many pixels as 640 x 360
        ((180, 320), 25, [32, 64, 128, 256], 1),
        ((256, 448), 35.28, [32, 64, 128, 256], 2),  # 0.7056, nearer to 1/2 than to 1 by factors
        ((264, 464), 36.46, [64, 128, 256, 512], 2),  # 0.729, nearer to 1
    ],
)
def test_lengths_scale_with_the_side_ranges_by_levels_areas_with_the_area(size, cell, ranges, area):
    assert cell_size_of(size) == pytest.approx(cell)
    assert regression_ranges_of(size) == pytest.approx(ranges)
    assert min_area_of(size) == area


def test_the_smallest_input_has_a_cell_ranges_that_rise_and_an_area():
    ranges = regression_ranges_of((8, 8))
    assert cell_size_of((8, 8)) > 0
    assert ranges == sorted(set(ranges))
    assert min_area_of((8, 8)) == 1
    assert length_scale(PAPER_SIZE) == 1
    assert regression_ranges_of(PAPER_SIZE) == list(RANGES)


@pytest.mark.parametrize("size", [(), (8,), (0, 8), (-8, -8), (8, 8, 8)])
def test_what_is_no_size_is_refused(size):
    with pytest.raises(ValueError, match="size must be"):
        length_scale(size)
