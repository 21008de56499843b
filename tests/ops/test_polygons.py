"""Polygons to masks, beside pycocotools' own filling."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from sgnet.ops.polygons import rle_from_polygons


def test_no_polygon_is_refused_since_its_mask_would_have_no_size():
    with pytest.raises(ValueError, match="must be 1 to 10000 polygons, got 0"):
        rle_from_polygons([], 5, 7)


@pytest.mark.parametrize("seed", range(40))
def test_random_polygons_are_bit_for_bit_those_of_pycocotools(seed):
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(1, 80, 2))
    polygons = [
        random.uniform(-20, 100, 2 * int(random.integers(3, 12))).round(int(seed % 3)).tolist()
        for _ in range(int(random.integers(1, 6)))
    ]
    expected = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    mask = rle_from_polygons(polygons, height, width)
    assert (mask.height, mask.width) == (height, width)
    assert np.array_equal(
        coco_mask.decode({"size": [height, width], "counts": mask.counts}),
        coco_mask.decode(expected),
    )
    assert mask.counts == expected["counts"]


def test_ten_thousand_polygons_are_filled_in_a_moment():
    triangles = [[x, y, x + 1.5, y, x, y + 1.5] for x in range(0, 200, 2) for y in range(100)]
    mask = rle_from_polygons(triangles, 100, 200)
    assert mask.counts
