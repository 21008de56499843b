"""Lengths and areas in input pixels that belong to an input size, scaled from the paper's 640x360.

Lengths scale with the square root of the input's area, areas with the area, so that an upright
input and a landscape one of the same sides have the same. Regression ranges scale by the nearest
power of two: the strides of the levels double from one to the next, so that objects that are half
as large go to the level that is one finer, and no range ends within a level's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

PAPER_SIZE = (360, 640)  # height, width
CELL_SIZE = 50.0  # SG-Net Eq. 1
RANGES = (64.0, 128.0, 256.0, 512.0)  # FCOS's
MIN_AREA = 4  # a pixel of masks of stride 2


def length_scale(size: Sequence[int]) -> float:
    """How long what is one pixel long at 640x360 is at an input size.

    Args:
        size: (height, width) in pixels.

    Raises:
        ValueError: not two sides of at least a pixel.
    """
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size must be (height, width) of at least 1 pixel, got {list(size)}")
    return math.sqrt(size[0] * size[1] / (PAPER_SIZE[0] * PAPER_SIZE[1]))


def cell_size_of(size: Sequence[int]) -> float:
    """Side of a sub-region of Eq. 1 in input pixels; 50 at 640x360, 20 at 256x144.

    Args:
        size: (height, width) in pixels.
    """
    return round(CELL_SIZE * length_scale(size), 2)


def regression_ranges_of(size: Sequence[int]) -> list[float]:
    """Upper ends of FCOS's regression ranges of P3..P6 in input pixels; 32 to 256 at 256x144.

    Args:
        size: (height, width) in pixels.
    """
    levels = round(math.log2(length_scale(size)))
    return [end * 2.0**levels for end in RANGES]


def min_area_of(size: Sequence[int]) -> int:
    """Pixels below which an object is too small to learn from; 4 at 640x360, at least 1.

    Args:
        size: (height, width) in pixels.
    """
    return max(1, round(MIN_AREA * length_scale(size) ** 2))
