"""Detections against the annotated objects of one frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from sgnet.evaluation.matching import match_greedily
from sgnet.ops.rle import to_coco
from sgnet.records import Rle

FOUND_IOU = 0.5
FloatArray = NDArray[np.float64]


def mask_overlaps(masks: Sequence[Rle], others: Sequence[Rle]) -> FloatArray:
    """IoU [D, N] of D masks with N others of the same size."""
    if not masks or not others:
        return np.zeros((len(masks), len(others)))
    right = [to_coco(mask) for mask in others]
    ious = coco_mask.iou([to_coco(mask) for mask in masks], right, [0] * len(right))
    return np.asarray(ious, dtype=np.float64)


def matched_objects(ious: FloatArray, threshold: float = FOUND_IOU) -> NDArray[np.int64]:
    """The object that each detection finds, whatever their classes.

    Detections choose in their order, each the free object of highest IoU.

    Args:
        ious: [D, N], detections by falling score.
        threshold: least IoU of a match.

    Returns:
        [D] index of the object, or -1.
    """
    nothing = np.zeros(ious.shape[1], dtype=np.bool_)
    return match_greedily(ious, nothing, nothing, threshold)
