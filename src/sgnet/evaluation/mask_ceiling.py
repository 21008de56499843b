"""What a mask resolution leaves of the true masks."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from sgnet.ops.mask_crops import MASK_THRESHOLD


def ceiling_ious(masks: Tensor, input_size: tuple[int, int], stride: int) -> Tensor:
    """IoU of true masks with themselves after they went through a stride of the input and back.

    On the way down each pixel holds the share of it that the object covers, which is what the mask
    loss trains a network to say; on the way up the map is interpolated and cut as in results. It is
    what a network reaches that meets its targets exactly. Other values than shares may do a little
    better, but no training asks for them.

    Args:
        masks: [N, H, W] 0/1 or bool at frame size.
        input_size: (height, width) of the network's input, multiples of the stride.
        stride: input pixels per pixel of the map.

    Returns:
        [N] in [0, 1].
    """
    down, across = (
        _shares(source, side // stride).to(masks.device)
        for source, side in zip(masks.shape[1:], input_size, strict=True)
    )
    coverage = torch.einsum("yh,nhw,xw->nyx", down, masks.to(down.dtype), across)
    return mask_ious(upsampled(coverage, (masks.shape[1], masks.shape[2])), masks.bool())


def upsampled(probabilities: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps [N, h, w] that cover the frame as masks [N, H, W] bool of it, cut as in results."""
    if not probabilities.shape[0]:
        return torch.zeros((0, *size), dtype=torch.bool, device=probabilities.device)
    enlarged = F.interpolate(
        probabilities[:, None].float(), size=size, mode="bilinear", align_corners=False
    )
    return enlarged[:, 0] > MASK_THRESHOLD


def mask_ious(masks: Tensor, others: Tensor) -> Tensor:
    """IoU [N] of mask i with mask i, each [N, H, W] bool; 0 where both are empty."""
    intersections = (masks & others).sum(dim=(1, 2))
    unions = (masks | others).sum(dim=(1, 2))
    return intersections.double() / unions.clamp(min=1)


@lru_cache(maxsize=16)
def _shares(source: int, target: int) -> Tensor:
    """Share [target, source] of each target sample that a source sample fills; rows sum to 1."""
    step = source / target
    samples = torch.arange(source, dtype=torch.float64)[None]
    start = torch.arange(target, dtype=torch.float64)[:, None] * step
    inside = torch.minimum(samples + 1, start + step) - torch.maximum(samples, start)
    return (inside.clamp(min=0) / step).float()
