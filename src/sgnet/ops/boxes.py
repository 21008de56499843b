"""Boxes as corners, as distances from a location, and their element-wise overlap."""

from __future__ import annotations

import torch
from torch import Tensor


def distances_to_boxes(locations: Tensor, distances_ltrb: Tensor) -> Tensor:
    """Boxes around locations.

    Args:
        locations: [..., 2] x, y in pixels.
        distances_ltrb: [..., 4] left, top, right, bottom in pixels.

    Returns:
        boxes_xyxy [..., 4] in pixels.
    """
    return torch.cat(
        [locations - distances_ltrb[..., :2], locations + distances_ltrb[..., 2:]], dim=-1
    )


def boxes_to_distances(locations: Tensor, boxes_xyxy: Tensor) -> Tensor:
    """Distances from locations to the sides of boxes; negative where outside.

    Args:
        locations: [..., 2] x, y in pixels.
        boxes_xyxy: [..., 4] in pixels.

    Returns:
        distances_ltrb [..., 4] in pixels.
    """
    # FCOS Eq. 1
    return torch.cat([locations - boxes_xyxy[..., :2], boxes_xyxy[..., 2:] - locations], dim=-1)


def box_centers(boxes_xyxy: Tensor) -> Tensor:
    """Centres x, y of boxes [..., 4] as [..., 2]."""
    return (boxes_xyxy[..., :2] + boxes_xyxy[..., 2:]) / 2


def box_sizes(boxes_xyxy: Tensor) -> Tensor:
    """Width and height of boxes [..., 4] as [..., 2], never negative."""
    return (boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]).clamp(min=0)


def clip_boxes(boxes_xyxy: Tensor, height: int, width: int) -> Tensor:
    """Boxes [..., 4] cut at the frame's border, in pixels."""
    limits = boxes_xyxy.new_tensor([width, height, width, height])
    return torch.minimum(boxes_xyxy.clamp(min=0), limits)


def elementwise_iou(boxes_xyxy: Tensor, other_xyxy: Tensor) -> Tensor:
    """Intersection over union of box i with box i.

    Args:
        boxes_xyxy: [N, 4] pixels.
        other_xyxy: [N, 4] pixels.

    Returns:
        [N] in [0, 1]; 0 where both boxes are empty.
    """
    overlap_low = torch.maximum(boxes_xyxy[:, :2], other_xyxy[:, :2])
    overlap_high = torch.minimum(boxes_xyxy[:, 2:], other_xyxy[:, 2:])
    intersection = (overlap_high - overlap_low).clamp(min=0).prod(dim=1)
    union = box_sizes(boxes_xyxy).prod(dim=1) + box_sizes(other_xyxy).prod(dim=1) - intersection
    return intersection / union.clamp(min=torch.finfo(union.dtype).eps)
