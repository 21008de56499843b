"""Mask head: spatial attention, base masks and granularity blender (SG-Net section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from sgnet.models.base_masks import LEVEL_NAMES, BaseMasks
from sgnet.models.granularity_blender import GranularityBlender
from sgnet.models.spatial_attention import SpatialAttention
from sgnet.ops.mask_assembly import BlenderReading


class MaskHead(nn.Module):
    """Wires the three modules; their sizes follow from the grid and the reading of Eq. 2.

    Args:
        channels: of the pyramid.
        grid: G, the most divisions of a box along a side (Table 3).
        cell_size: of Eq. 1 in input pixels.
        reading: of Eq. 2, see `GranularityBlender`.
        levels: of the base masks (Table 5).
        upsample: of the base masks (Table 4).
        hidden_channels: of the base mask module.
        instance_convolution: the 1x1 convolution of the base mask module.
    """

    def __init__(
        self,
        channels: int,
        grid: int = 6,
        cell_size: float = 50.0,
        reading: BlenderReading = "region",
        levels: Sequence[str] = LEVEL_NAMES,
        upsample: int = 4,
        hidden_channels: int = 128,
        instance_convolution: bool = True,
    ) -> None:
        super().__init__()
        self.blender = GranularityBlender(reading, grid, cell_size)
        self.spatial_attention = SpatialAttention(channels, self.blender.num_scores)
        self.base_masks = BaseMasks(
            channels,
            self.blender.num_masks,
            levels,
            upsample,
            hidden_channels,
            instance_convolution,
        )
