"""Polygons to run-length encodings, as COCO fills them.

pycocotools trusts what it is given: numbers that are none, far away or without end make its C code
hang or take all memory. So polygons from a file are checked here first.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sgnet.ops.rle import MAX_SIDE, rle_from_counts
from sgnet.records import Rle

FARTHEST = 2 * MAX_SIDE  # pixels from the origin
MOST_OUTLINE = 2_000_000  # pixels; pycocotools takes some 60 bytes for each
MOST_POLYGONS = 10_000  # of a mask


def rle_from_polygons(polygons: Sequence[object], height: int, width: int) -> Rle:
    """The union of polygons, as COCO fills them; parts outside the frame are cut off.

    Args:
        polygons: parsed JSON: at least one [x, y, x, y, ...] in pixels, of three points or more.
        height: of the mask.
        width: of the mask.

    Raises:
        ValueError: a polygon is malformed or far away, or there is too much to fill; the message
            starts with the polygon's number in brackets where it is about one.
    """
    from pycocotools import mask as coco_mask

    if not 1 <= len(polygons) <= MOST_POLYGONS:
        raise ValueError(f"must be 1 to {MOST_POLYGONS} polygons, got {len(polygons)}")
    checked = [_checked(index, polygon) for index, polygon in enumerate(polygons)]
    outline = sum(map(_outline, checked))
    if outline > MOST_OUTLINE:
        raise ValueError(
            f"must be polygons with outlines of at most {MOST_OUTLINE} pixels together, "
            f"got {outline:g}"
        )
    filled = coco_mask.frPyObjects([numbers.tolist() for numbers in checked], height, width)
    return rle_from_counts(coco_mask.merge(filled)["counts"], height, width)


def _checked(index: int, polygon: object) -> NDArray[np.float64]:
    """The numbers x, y, x, y, ... of a polygon."""
    values = polygon if isinstance(polygon, list) else []
    wrong = [value for value in values if not _is_near(value)]
    if not isinstance(polygon, list):
        wrong = [polygon]
    numbers = np.array([] if wrong else values, dtype=np.float64)
    if wrong or numbers.size < 6 or numbers.size % 2:
        got = reprlib.repr(wrong[0]) if wrong else f"{numbers.size} numbers"
        raise ValueError(
            f"[{index}] must be a polygon [x, y, x, y, ...] of 3 points or more within {FARTHEST} "
            f"pixels, got {got}"
        )
    return numbers


def _is_near(value: object) -> bool:
    """Whether a value is a number within `FARTHEST`; NaN, true and false are none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and -FARTHEST <= value <= FARTHEST  # type: ignore[operator]


def _outline(numbers: NDArray[np.float64]) -> float:
    """The length of a closed polygon, along the axes."""
    points = numbers.reshape(-1, 2)
    return float(np.abs(points - np.roll(points, 1, axis=0)).sum())
