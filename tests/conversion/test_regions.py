"""Regions against rasterisations of others."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from sgnet.conversion.regions import (
    box_mask,
    checked_points,
    ellipse_mask,
    pasted_mask,
    polygon_mask,
    union,
)
from sgnet.files.checked_json import JsonEntry
from sgnet.ops.rle import decode, encode

ENTRY = JsonEntry("labels.json", "shapes[3]", {})


def centres(size):
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5


def distance_to_outline(points, size):
    """Distance of every pixel's centre to the nearest edge, [H, W]."""
    best = np.full(size[0] * size[1], np.inf)
    for a, b in zip(points, np.roll(points, -1, axis=0), strict=True):
        along = b - a
        share = ((centres(size) - a) @ along / max(along @ along, 1e-12)).clip(0, 1)
        nearest = a + share[:, None] * along
        best = np.minimum(best, np.linalg.norm(centres(size) - nearest, axis=1))
    return best.reshape(size)


@pytest.mark.parametrize("seed", range(20))
def test_polygons_agree_with_matplotlib_beyond_a_pixel_from_the_outline(seed):
    random = np.random.default_rng(seed)
    size = (40, 60)
    angles = np.sort(random.uniform(0, 2 * np.pi, 9))
    radii = random.uniform(6, 30, 9)[:, None]
    points = np.array([30, 20]) + radii * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    inside = Outline(points).contains_points(centres(size)).reshape(size)
    differs = decode(polygon_mask(points, size)).astype(bool) != inside
    assert inside.sum() > 50
    assert distance_to_outline(points, size)[differs].max(initial=0) < 1
    assert differs.mean() < 0.03


@pytest.mark.parametrize(
    ("left", "top", "right", "bottom"), [(0, 0, 7, 5), (2, 1, 3, 2), (1, 0, 7, 1)]
)
def test_polygons_and_boxes_on_pixel_borders_are_exact(left, top, right, bottom):
    expected = np.zeros((5, 7), np.uint8)
    expected[top:bottom, left:right] = 1
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
    assert (decode(polygon_mask(corners, (5, 7))) == expected).all()
    assert (decode(box_mask(corners[[2, 0]], (5, 7))) == expected).all()


def test_an_l_shape_on_pixel_borders_is_exact():
    points = np.array([[1, 1], [6, 1], [6, 3], [3, 3], [3, 5], [1, 5]], float)
    expected = np.zeros((6, 8), np.uint8)
    expected[1:3, 1:6] = expected[3:5, 1:3] = 1
    assert (decode(polygon_mask(points, (6, 8))) == expected).all()


@pytest.mark.parametrize("shift", [(-100, 0), (0, -100), (100, 100)])
def test_what_is_outside_the_frame_is_cut_off(shift):
    points = np.array([[1, 1], [4, 1], [4, 4], [1, 4]], float)
    assert not decode(polygon_mask(points + shift, (6, 8))).any()
    assert not decode(pasted_mask(np.ones((3, 3), bool), 1 + shift[0], 1 + shift[1], (6, 8))).any()


def test_a_part_over_the_border_keeps_what_is_inside():
    pasted = decode(pasted_mask(np.array([[1, 0, 1], [1, 1, 1]], bool), -1, 5, (6, 3)))
    assert pasted[5].tolist() == [0, 1, 0]
    assert pasted[:5].sum() == 0


def test_an_ellipse_has_the_pixels_whose_centres_are_inside():
    mask = decode(ellipse_mask(np.array([5.0, 4.0]), np.array([3.0, 2.0]), (9, 11)))
    for y, x in np.ndindex(9, 11):
        inside = ((x + 0.5 - 5) / 3) ** 2 + ((y + 0.5 - 4) / 2) ** 2 <= 1
        assert mask[y, x] == inside
    assert not decode(ellipse_mask(np.array([5.0, 4.0]), np.zeros(2), (9, 11))).any()


def test_union_is_that_of_sets():
    random = np.random.default_rng(0)
    first, second = random.integers(0, 2, (2, 9, 7)).astype(bool)
    assert (decode(union([encode(first), encode(second)])) == (first | second)).all()


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        [[0, 0], [1, 1]],
        [[0, 0], [1, 1], [2]],
        [[0, 0], [1, 1], [2, float("nan")]],
        "points",
    ],
)
def test_points_that_are_none_are_refused(values):
    with pytest.raises(ValueError, match=r"labels.json: shapes\[3\]: points must be .* got "):
        checked_points(ENTRY, "points", values, 3)


def test_coordinates_far_outside_are_refused():
    with pytest.raises(ValueError, match="from -16384 to 16384 pixels, got 1e\\+09"):
        checked_points(ENTRY, "points", [[0, 0], [1, 1], [2, 1e9]], 3)


def test_outlines_that_would_take_gigabytes_are_refused():
    zigzag = [[0.0, 0.0], [16_000.0, 1.0]] * 5_000
    with pytest.raises(ValueError, match="an outline of at most 2000000 pixels, got 1\\.59"):
        checked_points(ENTRY, "points", zigzag, 3)
