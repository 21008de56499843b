"""Pictures as they are shown: turned by quarters, mirrored, or both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# (a, b, c, d): a pixel at (x, y) from the middle is shown at (a x + c y, b x + d y)
Orientation = tuple[int, int, int, int]
UPRIGHT: Orientation = (1, 0, 0, 1)
ORIENTATIONS: tuple[Orientation, ...] = (  # as EXIF's tag numbers them, from 1
    UPRIGHT,
    (-1, 0, 0, 1),  # left and right exchanged
    (-1, 0, 0, -1),
    (1, 0, 0, -1),  # top and bottom exchanged
    (0, 1, 1, 0),  # rows and columns exchanged
    (0, 1, -1, 0),  # a quarter clockwise
    (0, -1, -1, 0),
    (0, -1, 1, 0),
)


def nearest_orientation(matrix: Sequence[int]) -> Orientation:
    """The one of the eight orientations that a display matrix is nearest to.

    Args:
        matrix: 9 numbers by rows, (a, b, u, c, d, v, x, y, w), as video containers hold them; how
            long its rows are and where it moves the picture to does not matter.
    """
    given = (matrix[0], matrix[1], matrix[3], matrix[4])

    def likeness(orientation: Orientation) -> int:
        return sum(one * other for one, other in zip(given, orientation, strict=True))

    return max(ORIENTATIONS, key=likeness)


def oriented(image: NDArray[np.uint8], orientation: Orientation) -> NDArray[np.uint8]:
    """The image [H, W, 3] as it is shown; [W, H, 3] where rows and columns are exchanged."""
    a, b, c, d = orientation
    if a == 0:
        image = image.transpose(1, 0, 2)  # [W, H, 3]: x goes down, y goes right
    flip_rows, flip_columns = b + d < 0, a + c < 0
    image = image[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
    return np.ascontiguousarray(image)


def tagged_orientation(tag: int) -> Orientation:
    """The orientation that EXIF's and TIFF's tag of this number means, 1 to 8."""
    return ORIENTATIONS[tag - 1]
