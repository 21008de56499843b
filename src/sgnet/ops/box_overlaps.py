"""Overlaps of boxes in arrays; needs no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def box_overlaps(boxes_xyxy: FloatArray, others_xyxy: FloatArray) -> FloatArray:
    """IoU [D, N] of boxes [D, 4] with others [N, 4] in the same pixels; 0 for empty boxes."""
    low = np.maximum(boxes_xyxy[:, None, :2], others_xyxy[None, :, :2])
    high = np.minimum(boxes_xyxy[:, None, 2:], others_xyxy[None, :, 2:])
    intersections = (high - low).clip(min=0).prod(axis=2)
    unions = _areas(boxes_xyxy)[:, None] + _areas(others_xyxy)[None] - intersections
    result: FloatArray = np.divide(
        intersections, unions, out=np.zeros_like(unions), where=unions > 0
    )
    return result


def _areas(boxes_xyxy: FloatArray) -> FloatArray:
    areas: FloatArray = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).clip(min=0).prod(axis=1)
    return areas
