"""The terms of the loss: detection, mask and movement (SG-Net section 3.4, Eq. 4 and 5)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss

from sgnet.ops.box_pixels import mean_per_instance
from sgnet.ops.boxes import elementwise_iou
from sgnet.ops.mask_assembly import BlendedMasks

IOU_FLOOR = 1e-4


def classification_loss(
    class_logits: Tensor, frames: Tensor, locations: Tensor, labels: Tensor, positives: Tensor
) -> Tensor:
    """Sigmoid focal loss (alpha 0.25, gamma 2) over the number of positives.

    Args:
        class_logits: [B, L, K].
        frames: [P] frame of each positive.
        locations: [P] location of each positive.
        labels: [P] class index of each positive.
        positives: [] their number, in all shares of a step.

    Returns:
        A scalar; without positives the background's loss over `positives`.
    """
    targets = torch.zeros_like(class_logits)
    targets[frames, locations, labels] = 1
    loss: Tensor = sigmoid_focal_loss(class_logits, targets, alpha=0.25, gamma=2, reduction="sum")
    return loss / positives


def centerness_loss(centerness_logits: Tensor, targets: Tensor, positives: Tensor) -> Tensor:
    """Binary cross-entropy on centerness (FCOS Eq. 3) over the number of positives.

    Args:
        centerness_logits: [P] at the positives.
        targets: [P] in [0, 1].
        positives: [] their number, in all shares of a step.

    Returns:
        A scalar, 0 without positives.
    """
    loss = F.binary_cross_entropy_with_logits(centerness_logits, targets, reduction="sum")
    return loss / positives


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
    return -(1 - half_gap).clamp(min=IOU_FLOOR).log()  # Eq. 5: (1 + GIoU) / 2 = 1 - half_gap


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


def weighted_box_loss(losses: Tensor, weights: Tensor, total: Tensor) -> Tensor:
    """Box losses [P] weighted by [P] centerness targets, over the [] `total` of the weights.

    0 without positives.
    """
    return (losses * weights).sum() / total


def mask_boxes(
    predicted_xyxy: Tensor, targets_xyxy: Tensor, min_iou: float, jitter: float
) -> Tensor:
    """The boxes in which masks are trained: predicted where good, else the truth, jittered.

    The instance-aware connection hands detected boxes to the mask head. While they are still poor
    the ground-truth box stands in, each side moved by up to `jitter` of the box's size.

    Args:
        predicted_xyxy: [P, 4] pixels; used detached.
        targets_xyxy: [P, 4] pixels.
        min_iou: predicted boxes below this IoU are replaced; above 1 replaces all.
        jitter: share of width or height.

    Returns:
        [P, 4] pixels without gradient.
    """
    predicted = predicted_xyxy.detach()
    size = (targets_xyxy[:, 2:] - targets_xyxy[:, :2]).repeat(1, 2)
    shift = (torch.rand_like(targets_xyxy) * 2 - 1) * jitter * size
    poor = elementwise_iou(predicted, targets_xyxy) < min_iou
    return torch.where(poor[:, None], targets_xyxy + shift, predicted)


def mask_loss(
    blended: BlendedMasks, coverage: Tensor, mask_rows: Tensor, instances: Tensor
) -> Tensor:
    """Binary cross-entropy averaged over each box, then over the instances.

    Args:
        blended: mask logits of P instances.
        coverage: [M, h, w] share in [0, 1] of each mask pixel that the object covers.
        mask_rows: [P] row of each instance in `coverage`.
        instances: [] their number, in all shares of a step.

    Returns:
        A scalar, 0 without instances; one whose box has no pixel adds 0.
    """
    pixels = blended.pixels
    targets = coverage[mask_rows[pixels.instances], pixels.rows, pixels.columns]
    losses = F.binary_cross_entropy_with_logits(
        blended.logits, targets.to(blended.logits.dtype), reduction="none"
    )
    return mean_per_instance(losses, pixels).sum() / instances


def mask_coverage(masks: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """Share of each mask pixel that objects cover.

    Args:
        masks: [M, H, W] uint8 0/1.
        size: (h, w) of the masks.
        stride: input pixels per mask pixel.

    Returns:
        [M, h, w] in [0, 1].
    """
    height, width = size
    bottom, right = height * stride - masks.shape[1], width * stride - masks.shape[2]
    padded = F.pad(masks.float(), (0, max(0, right), 0, max(0, bottom)))
    pooled = F.avg_pool2d(padded[:, None], stride)[:, 0]
    return pooled[:, :height, :width]


def movement_loss(predicted: Tensor, targets: Tensor, in_both: Tensor, shared: Tensor) -> Tensor:
    """Mean over shared objects of |D - (o_t - o_{t-1})| (SG-Net Eq. 4).

    Args:
        predicted: [P, 2] movement D at the positives.
        targets: [P, 2] o_t - o_{t-1} in the same unit.
        in_both: [P] True where the object is in key and reference frame; others do not count.
        shared: [] number of positives whose object is in both, in all shares of a step.

    Returns:
        A scalar, the sum of both components' distances over `shared`; 0 where nothing is shared.
    """
    distances = (predicted - targets).abs().sum(dim=1) * in_both  # |D - (o_t - o_{t-1})| of Eq. 4
    return distances.sum() / shared
