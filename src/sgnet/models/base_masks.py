"""Base mask module: high-resolution maps all instances of a frame share (SG-Net section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sgnet.models.layers import group_norm

LEVEL_NAMES = ("P3", "P4", "P5")


class BaseMasks(nn.Module):
    """P3..P5 brought to P3's size, two 3x3 convolutions, one more to C maps, upsampling, 1x1.

    The paper zeroes the maps outside an instance's box and then applies the 1x1 convolution. It is
    the same for all instances and acts on each pixel alone, so it runs once a frame; the blender
    reads its output only inside the box. It also commutes with bilinear upsampling, whose weights
    sum to one, and runs before it, on 16 times fewer pixels.

    Args:
        channels: of the pyramid.
        num_masks: C, base masks a frame; G*G.
        levels: the first 1, 2 or 3 of P3, P4, P5 (Table 5).
        upsample: 4, 2 or 1 times P3's resolution (Table 4).
        hidden_channels: of the two 3x3 convolutions.
        instance_convolution: False leaves the 1x1 convolution out (Table 2 c).

    Raises:
        ValueError: unknown levels or upsampling.
    """

    def __init__(
        self,
        channels: int,
        num_masks: int,
        levels: Sequence[str] = LEVEL_NAMES,
        upsample: int = 4,
        hidden_channels: int = 128,
        instance_convolution: bool = True,
    ) -> None:
        super().__init__()
        if not levels or tuple(levels) != LEVEL_NAMES[: len(levels)]:
            raise ValueError(f"levels must be P3, P3-P4 or P3-P5 as a list, got {list(levels)}")
        if upsample not in (1, 2, 4):
            raise ValueError(f"upsample must be 4, 2 or 1, got {upsample}")
        self.num_levels = len(levels)
        self.upsample = upsample
        self.fuse = nn.Sequential(
            nn.Conv2d(channels * len(levels), hidden_channels, 3, padding=1, bias=False),
            group_norm(hidden_channels),
            nn.ReLU(),
            nn.Conv2d(hidden_channels, hidden_channels, 3, padding=1, bias=False),
            group_norm(hidden_channels),
            nn.ReLU(),
        )
        self.reduce = nn.Conv2d(hidden_channels, num_masks, 3, padding=1)
        self.instance_convolution = (
            nn.Conv2d(num_masks, num_masks, 1) if instance_convolution else nn.Identity()
        )

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Base masks [B, C, h, w] of P3..P5 [B, C, H_l, W_l]; h = upsample * P3's height."""
        reference = pyramid[0]
        aligned = [reference]
        for level, feature in enumerate(pyramid[1 : self.num_levels], start=1):
            aligned.append(_upsample_to(feature, 2**level, reference))
        features = self.fuse(torch.cat(aligned, dim=1))
        maps: Tensor = self.instance_convolution(self.reduce(features))
        if self.upsample == 1:
            return maps
        return F.interpolate(
            maps, scale_factor=float(self.upsample), mode="bilinear", align_corners=False
        )


def _upsample_to(feature: Tensor, factor: int, reference: Tensor) -> Tensor:
    """Bilinear upsampling by the exact factor, cut to the reference's height and width.

    Interpolating straight to the size would stretch levels whose size was rounded up (360 rows
    give 45 and 23) and shift them against P3.
    """
    upsampled = F.interpolate(
        feature, scale_factor=float(factor), mode="bilinear", align_corners=False
    )
    return upsampled[..., : reference.shape[-2], : reference.shape[-1]]
