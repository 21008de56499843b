from __future__ import annotations

import math

import numpy as np
import pytest

from sgnet.ops.orientation import (
    ORIENTATIONS,
    UPRIGHT,
    nearest_orientation,
    oriented,
    tagged_orientation,
)

ONE = 1 << 16


def matrix(a, b, c, d):
    return (a, b, 0, c, d, 0, 0, 0, 1 << 30)


def pixel_by_pixel(image, orientation):
    """Each pixel where the matrix says, from the smallest coordinates on."""
    a, b, c, d = orientation
    height, width = image.shape[:2]
    places = {(a * x + c * y, b * x + d * y): (y, x) for y in range(height) for x in range(width)}
    columns, rows = (sorted({place[k] for place in places}) for k in (0, 1))
    shown = [[image[places[column, row]] for column in columns] for row in rows]
    return np.array(shown)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 4)])
def test_every_pixel_is_shown_where_the_matrix_puts_it(orientation, size):
    image = np.arange(math.prod(size) * 3, dtype=np.uint8).reshape(*size, 3)
    np.testing.assert_array_equal(oriented(image, orientation), pixel_by_pixel(image, orientation))


def test_there_are_eight_of_them():
    assert len(set(ORIENTATIONS)) == 8


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("degrees", [0, 20, -20])
def test_others_count_as_the_nearest(orientation, degrees):
    cos, sin = (2 * ONE * f(math.radians(degrees)) for f in (math.cos, math.sin))
    a, b, c, d = orientation
    turned = (a * cos - b * sin, a * sin + b * cos, c * cos - d * sin, c * sin + d * cos)
    assert nearest_orientation(matrix(*map(round, turned))) == orientation


def test_a_matrix_of_zeros_leaves_the_picture():
    assert nearest_orientation(matrix(0, 0, 0, 0)) == UPRIGHT


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (1, [[1, 2, 3], [4, 5, 6]]),
        (2, [[3, 2, 1], [6, 5, 4]]),
        (3, [[6, 5, 4], [3, 2, 1]]),
        (4, [[4, 5, 6], [1, 2, 3]]),
        (5, [[1, 4], [2, 5], [3, 6]]),
        (6, [[4, 1], [5, 2], [6, 3]]),  # its first row is on the right
        (7, [[6, 3], [5, 2], [4, 1]]),
        (8, [[3, 6], [2, 5], [1, 4]]),  # on the left
    ],
)
def test_tags_mean_what_the_standard_draws(tag, expected):
    image = np.repeat(np.array([[1, 2, 3], [4, 5, 6]], np.uint8)[..., None], 3, axis=2)
    assert oriented(image, tagged_orientation(tag))[..., 0].tolist() == expected
