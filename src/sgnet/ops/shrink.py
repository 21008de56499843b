"""Clip pairs at a fraction of their size, for the cheap first part of a training run."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from sgnet.structures import ClipPairBatch, Targets


def shrink_pairs(batch: ClipPairBatch, factor: int) -> ClipPairBatch:
    """The batch with images, masks, boxes and movements `factor` times smaller.

    Args:
        batch: [B, 3, H, W] images.
        factor: whole number; 1 returns the batch itself.

    Returns:
        Averaged images and masks [.., H // factor, W // factor]; boxes and movements divided.
    """
    if factor == 1:
        return batch
    return replace(
        batch,
        key_images=_shrink_images(batch.key_images, factor),
        reference_images=_shrink_images(batch.reference_images, factor),
        key_targets=shrink_targets(batch.key_targets, factor),
        reference_targets=shrink_targets(batch.reference_targets, factor),
        following=tuple(
            replace(
                pairs,
                key=shrink_targets(pairs.key, factor),
                reference=shrink_targets(pairs.reference, factor),
            )
            for pairs in batch.following
        ),
    )


def shrink_targets(targets: Targets, factor: int) -> Targets:
    """Targets in pixels `factor` times larger; a mask pixel is set where half of it is covered.

    A mask that covers no pixel to one half is set where it covers at least half as much as where it
    covers most: its box is there still, and a mask without pixels would train it to be empty.
    """
    masks = targets.masks
    if masks.shape[0]:
        shares = F.avg_pool2d(masks[:, None].float(), factor)[:, 0]
        highest = shares.amax(dim=(1, 2), keepdim=True)  # [M, 1, 1]
        enough = torch.where(highest < 0.5, highest / 2, 0.5)
        masks = ((shares >= enough) & (shares > 0)).to(torch.uint8)
    else:
        masks = masks.new_zeros(0, masks.shape[1] // factor, masks.shape[2] // factor)
    return replace(
        targets,
        boxes_xyxy=targets.boxes_xyxy / factor,
        movements=targets.movements / factor,
        masks=masks,
    )


def _shrink_images(images: Tensor, factor: int) -> Tensor:
    return F.avg_pool2d(images.float(), factor)
