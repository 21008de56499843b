"""Polygons, boxes and circles to run-length encoded masks.

All follow COCO's rule, which CVAT's own exports follow as well: coordinates are continuous, pixel
(x, y) covers [x, x + 1) x [y, y + 1). What lies outside the frame is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from sgnet.files.checked_json import JsonEntry, describe, finite_number
from sgnet.ops.polygons import MOST_OUTLINE
from sgnet.ops.rle import MAX_SIDE, encode, to_coco
from sgnet.records import Rle

Points = NDArray[np.float64]
Size = tuple[int, int]


def checked_points(entry: JsonEntry, name: str, values: object, least: int) -> Points:
    """Points [N, 2] (x, y) from a list of pairs.

    Args:
        entry: for messages.
        name: of the field, for messages.
        values: parsed JSON.
        least: number of points that the shape needs.

    Raises:
        ValueError: no list of pairs, too few points, or a coordinate that is not finite or beyond
            `MAX_SIDE` pixels from the origin.
    """
    pairs = values if isinstance(values, list) else []
    numbers = [
        [finite_number(number) for number in pair] if isinstance(pair, list) else []
        for pair in pairs
    ]
    if len(pairs) < least or not all(len(pair) == 2 and None not in pair for pair in numbers):
        raise entry.error(
            f"{name} must be a list of at least {least} pairs of finite numbers, "
            f"got {describe(values)}"
        )
    return limited(entry, name, np.array(numbers, dtype=np.float64).reshape(-1, 2))


def limited(entry: JsonEntry, name: str, points: Points) -> Points:
    """The points themselves, whose outline pycocotools can follow in little memory.

    Raises:
        ValueError: a coordinate is beyond `MAX_SIDE`, or the outline is longer than `MOST_OUTLINE`.
    """
    if points.size and np.abs(points).max() > MAX_SIDE:
        raise entry.error(
            f"{name} must be coordinates from {-MAX_SIDE} to {MAX_SIDE} pixels, "
            f"got {np.abs(points).max():g}"
        )
    outline = float(np.abs(np.diff(points, axis=0)).sum())
    if outline > MOST_OUTLINE:
        raise entry.error(
            f"{name} must make an outline of at most {MOST_OUTLINE} pixels, got {outline:g}"
        )
    return points


def polygon_mask(points: Points, size: Size) -> Rle:
    """The inside of a polygon.

    Args:
        points: [N, 2] (x, y), at least 3, the last one joined with the first.
        size: (height, width) of the frame.
    """
    height, width = size
    coded = coco_mask.frPyObjects([points.reshape(-1).tolist()], height, width)[0]
    return Rle(height, width, coded["counts"])


def box_mask(corners: Points, size: Size) -> Rle:
    """The inside of a box.

    Args:
        corners: [2, 2] (x, y) of two opposite corners in any order.
        size: (height, width) of the frame.
    """
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    outline = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return polygon_mask(outline, size)


def ellipse_mask(center: Points, radii: Points, size: Size) -> Rle:
    """The pixels whose centres are inside an ellipse with upright axes.

    Args:
        center: [2] (x, y).
        radii: [2] along x and y; 0 gives no pixels.
        size: (height, width) of the frame.
    """
    rows, columns = np.ogrid[: size[0], : size[1]]
    squares = [
        ((axis + 0.5 - middle) / max(float(radius), 1e-9)) ** 2
        for axis, middle, radius in zip((columns, rows), center, radii, strict=True)
    ]
    return encode(squares[0] + squares[1] <= 1.0)


def pasted_mask(part: NDArray[np.bool_], left: int, top: int, size: Size) -> Rle:
    """A small mask [h, w] at its place in the frame."""
    whole = np.zeros(size, dtype=np.bool_)
    rows = slice(max(top, 0), max(min(top + part.shape[0], size[0]), 0))
    columns = slice(max(left, 0), max(min(left + part.shape[1], size[1]), 0))
    whole[rows, columns] = part[
        rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ]
    return encode(whole)


def union(masks: Sequence[Rle]) -> Rle:
    """All pixels of at least one mask of the same size."""
    merged = coco_mask.merge([to_coco(mask) for mask in masks])
    return Rle(masks[0].height, masks[0].width, merged["counts"])
