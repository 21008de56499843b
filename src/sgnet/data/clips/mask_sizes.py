"""Masks at other sizes and places: covered shares on the way, cut at one half at the end.

A mask that is read at the nearest pixel moves: by half an input pixel where it shrinks to one half.
The share of each pixel that it covers moves nowhere, whatever the factor; cutting it at one half
keeps area and centre. A pixel that is covered to exactly one half belongs to the mask, so that a
line one pixel wide outlives one half. A mask that covers no pixel to one half, such as a line at
a third, is cut at half of its highest share instead of being lost; thin parts of a larger one go.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8Array = NDArray[np.uint8]
WHOLE = 254  # a share of 1; one half is then a whole number, which rounding keeps
HALF = WHOLE // 2


def resized_shares(mask: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """Shares of the pixels of another size that a mask covers.

    Averaged over the pixels' areas where it shrinks, bilinear with half-pixel centres where it
    grows. Only what surrounds the object is looked at.

    Args:
        mask: [H, W] 0/1.
        size: (height, width).

    Returns:
        [height, width] from 0 to `WHOLE`; of a thin mask relative to its highest share.
    """
    if mask.shape == size:
        return np.asarray(mask * np.uint8(WHOLE), dtype=np.uint8)
    shares = np.zeros(size, dtype=np.uint8)
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return shares
    (rows, to_rows), (columns, to_columns) = (
        _around(start, start + length, source, target)
        for start, length, source, target in (
            (top, height, mask.shape[0], size[0]),
            (left, width, mask.shape[1], size[1]),
        )
    )
    shrinks = size[0] <= mask.shape[0] and size[1] <= mask.shape[1]
    part = cv2.resize(
        mask[rows, columns] * np.uint8(WHOLE),
        (to_columns.stop - to_columns.start, to_rows.stop - to_rows.start),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )
    shares[to_rows, to_columns] = _kept_visible(np.asarray(part, dtype=np.uint8))
    return shares


def warped_shares(
    shares: UInt8Array, matrix: NDArray[np.float64], size: tuple[int, int]
) -> UInt8Array:
    """Shares moved by an affine map, bilinear; nothing is covered outside of them.

    Args:
        shares: [H, W]; the map does not make them much smaller.
        matrix: [2, 3] from their pixels to those of the result; pixel centres are whole numbers.
        size: (height, width) of the result.
    """
    warped = cv2.warpAffine(shares, matrix, size[::-1], flags=cv2.INTER_LINEAR)
    return np.asarray(warped, dtype=np.uint8)


def cut_at_half(shares: UInt8Array) -> UInt8Array:
    """The 0/1 mask of the pixels [H, W] that are covered to at least one half."""
    return (shares >= HALF).view(np.uint8)


def _kept_visible(shares: UInt8Array) -> UInt8Array:
    """Shares of a whole object, relative to the highest one where none is one half."""
    highest = int(shares.max(initial=0))
    if not 0 < highest < HALF:
        return shares
    return np.asarray(np.rint(shares * (WHOLE / highest)), dtype=np.uint8)


def _around(start: int, stop: int, source: int, target: int) -> tuple[slice, slice]:
    """The part of an axis around an interval that begins and ends between pixels of both sizes.

    Args:
        start: of the interval, pixels of the first size.
        stop: one behind its end.
        source: the axis' length in the first size.
        target: its length in the second.

    Returns:
        The part in both sizes, at least a pixel wider than the interval to each side.
    """
    parts = math.gcd(source, target)
    length = source // parts
    first = max(0, (start - 1) // length)
    last = min(parts, -((-stop - 1) // length))
    of_target = target // parts
    return (
        slice(first * length, last * length),
        slice(first * of_target, last * of_target),
    )
