"""Detection loss terms: classification, centerness and box (SG-Net section 3.4)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss

from sgnet.ops.boxes import elementwise_iou

IOU_FLOOR = 1e-4


def classification_loss(
    class_logits: Tensor, frames: Tensor, locations: Tensor, labels: Tensor
) -> Tensor:
    """Sigmoid focal loss (alpha 0.25, gamma 2) over the number of positives.

    Args:
        class_logits: [B, L, K].
        frames: [P] frame of each positive.
        locations: [P] location of each positive.
        labels: [P] class index of each positive.

    Returns:
        A scalar; without positives the background's loss over 1.
    """
    targets = torch.zeros_like(class_logits)
    targets[frames, locations, labels] = 1
    loss: Tensor = sigmoid_focal_loss(class_logits, targets, alpha=0.25, gamma=2, reduction="sum")
    return loss / max(1, frames.shape[0])


def centerness_loss(centerness_logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy on centerness (FCOS Eq. 3), mean over the positives.

    Args:
        centerness_logits: [P] at the positives.
        targets: [P] in [0, 1].

    Returns:
        A scalar, 0 without positives.
    """
    loss = F.binary_cross_entropy_with_logits(centerness_logits, targets, reduction="sum")
    return loss / max(1, targets.shape[0])


def log_giou_loss(boxes_xyxy: Tensor, targets_xyxy: Tensor) -> Tensor:
    """-ln((1 + GIoU) / 2) for each pair of boxes (SG-Net Eq. 5).

    Clamped so that GIoU -> -1, boxes infinitely far apart, stays finite.

    Args:
        boxes_xyxy: [P, 4] pixels.
        targets_xyxy: [P, 4] pixels.

    Returns:
        [P] >= 0.
    """
    half_gap = giou_loss(boxes_xyxy, targets_xyxy) / 2  # (1 - GIoU) / 2
    return -(1 - half_gap).clamp(min=IOU_FLOOR).log()


def giou_loss(boxes_xyxy: Tensor, targets_xyxy: Tensor) -> Tensor:
    """1 - GIoU for each pair of boxes [P, 4], as [P] in [0, 2]."""
    loss: Tensor = generalized_box_iou_loss(boxes_xyxy, targets_xyxy, reduction="none")
    return loss


def iou_loss(boxes_xyxy: Tensor, targets_xyxy: Tensor) -> Tensor:
    """-ln(IoU) for each pair of boxes [P, 4], as [P]; FCOS's box loss (Table 2 d)."""
    return -elementwise_iou(boxes_xyxy, targets_xyxy).clamp(min=IOU_FLOOR).log()


BOX_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "log_giou": log_giou_loss,
    "giou": giou_loss,
    "iou": iou_loss,
}


def weighted_box_loss(losses: Tensor, weights: Tensor) -> Tensor:
    """Mean of box losses [P] weighted by [P] centerness targets; 0 without positives."""
    floor = torch.finfo(weights.dtype).eps
    return (losses * weights).sum() / weights.sum().clamp(min=floor)
