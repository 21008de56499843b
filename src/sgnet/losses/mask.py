"""Mask loss: per-pixel cross-entropy inside the instance's box (SG-Net section 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sgnet.ops.boxes import elementwise_iou
from sgnet.ops.mask_assembly import BlendedMasks, mean_per_instance


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


def mask_loss(blended: BlendedMasks, coverage: Tensor, mask_rows: Tensor) -> Tensor:
    """Binary cross-entropy averaged over each box, then over the instances.

    Args:
        blended: mask logits of P instances.
        coverage: [M, h, w] share in [0, 1] of each base-mask pixel that the object covers.
        mask_rows: [P] row of each instance in `coverage`.

    Returns:
        A scalar, 0 without instances; instances whose box has no pixel do not count.
    """
    pixels = blended.pixels
    targets = coverage[mask_rows[pixels.instances], pixels.rows, pixels.columns]
    losses = F.binary_cross_entropy_with_logits(
        blended.logits, targets.to(blended.logits.dtype), reduction="none"
    )
    seen = (pixels.counts > 0).sum().clamp(min=1)
    return mean_per_instance(losses, pixels).sum() / seen


def mask_coverage(masks: Tensor, size: tuple[int, int], stride: int) -> Tensor:
    """Share of each base-mask pixel that objects cover.

    Args:
        masks: [M, H, W] uint8 0/1.
        size: (h, w) of the base masks.
        stride: input pixels per base-mask pixel.

    Returns:
        [M, h, w] in [0, 1].
    """
    height, width = size
    bottom, right = height * stride - masks.shape[1], width * stride - masks.shape[2]
    padded = F.pad(masks.float(), (0, max(0, right), 0, max(0, bottom)))
    pooled = F.avg_pool2d(padded[:, None], stride)[:, 0]
    return pooled[:, :height, :width]
