"""Mask head, in the paper's order: spatial attention, base masks, granularity blender.

SG-Net section 3.2 and the lower half of its Figure 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sgnet.files.checked_values import (
    require_flag,
    require_integer,
    require_number,
    require_one_of,
    shown,
)
from sgnet.models.layers import (
    MAX_CHANNELS,
    group_norm,
    initialize_convolutions,
    require_channels,
)
from sgnet.ops.location_windows import WINDOW, location_windows, pyramid_table
from sgnet.ops.mask_assembly import BLENDER_READINGS, BlendedMasks, BlenderReading, blend
from sgnet.structures import DenseOutputs

LEVEL_NAMES = ("P3", "P4", "P5")
P3_STRIDE, C2_STRIDE = 8, 4
MAX_GRID = 32
MAX_CELL = 1e6  # input pixels


class WindowConvolution(nn.Conv2d):
    """A 3x3 convolution that can be asked for single positions; both ways call the module."""

    def forward(self, values: Tensor) -> Tensor:
        """Of a map [B, C, H, W] as ever, or rows of windows [N, 9 * C], by neighbour, [N, out]."""
        if values.ndim == 2:
            return F.linear(values, self.weight.permute(0, 2, 3, 1).flatten(1), self.bias)
        return super().forward(values)


class SpatialAttention(nn.Module):
    """Two 3x3 convolutions, shared over P3..P7, that give S scores a location.

    Args:
        channels: of the pyramid.
        num_scores: S; G*G for one score a sub-region.
    """

    def __init__(self, channels: int, num_scores: int) -> None:
        super().__init__()
        self.hidden = WindowConvolution(channels, channels, 3, padding=1)
        self.scores = WindowConvolution(channels, num_scores, 3, padding=1)
        initialize_convolutions(self)
        # a product a*B with both near zero starts on a saddle; scores of order one leave it
        nn.init.kaiming_uniform_(self.hidden.weight, a=1)
        nn.init.kaiming_uniform_(self.scores.weight, a=1)

    def forward(self, feature: Tensor) -> Tensor:
        """Attention scores [B, S, H, W] of one pyramid level [B, C, H, W]."""
        scores: Tensor = self.scores(self.hidden(feature).relu())  # a of Eq. 2
        return scores

    def at(self, pyramid: Sequence[Tensor], frame_indices: Tensor, locations: Tensor) -> Tensor:
        """The scores [N, S] that `forward` gives at N locations, and no others.

        A vector of scores for every sub-region is 1,296 numbers a location, and a frame of 640x360
        has 4,835 locations of which a few hold an object.

        Args:
            pyramid: per level [B, C, H_l, W_l].
            frame_indices: [N] frame of each location.
            locations: [N] index into the L locations of all levels; none is fine.
        """
        shapes = [(level.shape[-2], level.shape[-1]) for level in pyramid]
        channels = pyramid[0].shape[1]
        windows = location_windows(shapes, locations, frame_indices, pyramid[0].shape[0])
        patches = pyramid_table(pyramid).index_select(0, windows.rows.flatten())
        hidden = self.hidden(patches.view(-1, WINDOW * channels)).relu()
        # the second convolution sees zeros outside of the level, not the first one's bias
        hidden = hidden.view(-1, WINDOW, channels) * windows.inside.to(hidden.dtype)[..., None]
        scores: Tensor = self.scores(hidden.flatten(1))  # a of Eq. 2
        return scores


class BaseMasks(nn.Module):
    """P3..P5 brought to P3's size, two 3x3 convolutions, one more to C maps, upsampling, 1x1.

    The paper zeroes the maps outside an instance's box and then applies the 1x1 convolution. It is
    the same for all instances and acts on each pixel alone, so it runs once a frame; the blender
    reads its output only inside the box. It also commutes with bilinear upsampling, whose weights
    sum to one, as does the sum of Eq. 2 within a sub-region; so the maps stay at P3's size, and
    what is upsampled are an instance's logits, see `sgnet.ops.mask_assembly.blend`.

    Args:
        channels: of the pyramid.
        num_masks: C, base masks a frame; G*G.
        levels: the first 1, 2 or 3 of P3, P4, P5 (Table 5).
        hidden_channels: of the two 3x3 convolutions.
        instance_convolution: False leaves the 1x1 convolution out (Table 2 c).
        detail_channels: of C2, which then joins the upsampled features behind the two convolutions;
            the maps have its size, twice P3's. 0 leaves it out, as the paper does.

    Raises:
        ValueError: unknown levels, or a setting beyond its limits.
    """

    def __init__(
        self,
        channels: int,
        num_masks: int,
        levels: Sequence[str] = LEVEL_NAMES,
        hidden_channels: int = 128,
        instance_convolution: bool = True,
        detail_channels: int = 0,
    ) -> None:
        super().__init__()
        named = isinstance(levels, Sequence) and 0 < len(levels) <= len(LEVEL_NAMES)
        if not named or tuple(levels) != LEVEL_NAMES[: len(levels)]:
            raise ValueError(f"levels must be P3, P3-P4 or P3-P5 as a list, got {shown(levels)}")
        require_channels("hidden_channels", hidden_channels)
        require_flag("instance_convolution", instance_convolution)
        require_integer("detail_channels", detail_channels, 0, MAX_CHANNELS)
        self.num_levels = len(levels)
        self.fuse = nn.Sequential(
            nn.Conv2d(channels * len(levels), hidden_channels, 3, padding=1, bias=False),
            group_norm(hidden_channels),
            nn.ReLU(),
            nn.Conv2d(hidden_channels, hidden_channels, 3, padding=1, bias=False),
            group_norm(hidden_channels),
            nn.ReLU(),
        )
        fine_channels = hidden_channels
        self.detail = self.sharpen = None
        if detail_channels:
            fine_channels = max(1, hidden_channels // 2)  # four times the pixels
            self.detail = nn.Conv2d(detail_channels, hidden_channels, 1)
            self.sharpen = nn.Sequential(
                nn.Conv2d(hidden_channels, fine_channels, 3, padding=1, bias=False),
                group_norm(fine_channels),
                nn.ReLU(),
            )
        self.reduce = nn.Conv2d(fine_channels, num_masks, 3, padding=1)
        self.instance_convolution = (
            nn.Conv2d(num_masks, num_masks, 1) if instance_convolution else nn.Identity()
        )

    def forward(self, pyramid: Sequence[Tensor], detail: Tensor | None = None) -> Tensor:
        """Base masks [B, C, h, w] at P3's size, or C2's.

        Args:
            pyramid: P3..P5, per level [B, C, H_l, W_l].
            detail: C2, [B, `detail_channels`, H_2, W_2]; None where there is none.
        """
        reference = pyramid[0]
        aligned = [reference]
        for level, feature in enumerate(pyramid[1 : self.num_levels], start=1):
            aligned.append(_upsample_to(feature, 2**level, reference))
        features = self.fuse(torch.cat(aligned, dim=1))
        if self.detail is not None and self.sharpen is not None and detail is not None:
            features = self.sharpen(_upsample_to(features, 2, detail) + self.detail(detail))
        maps: Tensor = self.instance_convolution(self.reduce(features))  # B of Eq. 2
        return maps


def _upsample_to(feature: Tensor, factor: int, reference: Tensor) -> Tensor:
    """Bilinear upsampling by the exact factor, cut to the reference's height and width.

    Interpolating straight to the size would stretch levels whose size was rounded up (360 rows
    give 45 and 23) and shift them against P3.
    """
    upsampled = F.interpolate(
        feature, scale_factor=float(factor), mode="bilinear", align_corners=False
    )
    return upsampled[..., : reference.shape[-2], : reference.shape[-1]]


class GranularityBlender:
    """Holds the settings of Eq. 1 and Eq. 2; it has no parameters.

    Args:
        reading: how Eq. 2 is read, see `sgnet.ops.mask_assembly.blend`.
        grid: G, the most divisions of a box along a side.
        cell_size: of Eq. 1 in input pixels; 50 at 640x360, to be scaled with the input.
        upsample: masks have 4, 2 or 1 times the base masks' resolution (Table 4).

    Raises:
        ValueError: unknown reading or upsampling, or a grid or cell size beyond its limits.
    """

    def __init__(
        self, reading: BlenderReading, grid: int, cell_size: float, upsample: int = 4
    ) -> None:
        require_one_of("reading", reading, BLENDER_READINGS)
        require_integer("grid", grid, 1, MAX_GRID)
        require_number("cell_size", cell_size, 0, MAX_CELL, above=True)
        require_one_of("upsample", upsample, (4, 2, 1))
        self.reading: BlenderReading = reading
        self.grid = grid
        self.cell_size = cell_size
        self.upsample = upsample

    @property
    def num_masks(self) -> int:
        """C, the base masks the readings need: one a cell."""
        return self.grid**2

    @property
    def num_scores(self) -> int:
        """S, the coefficients a location predicts."""
        vector = self.num_masks if self.reading == "region_vector" else 1
        return self.grid**2 * vector

    def __call__(
        self,
        base_masks: Tensor,
        frame_indices: Tensor,
        coefficients: Tensor,
        boxes_xyxy: Tensor,
        stride: int,
    ) -> BlendedMasks:
        """Mask logits of N instances inside their boxes; used in training and in inference.

        Args:
            base_masks: [B, C, h, w].
            frame_indices: [N].
            coefficients: [N, S].
            boxes_xyxy: [N, 4] input pixels.
            stride: input pixels per base-mask pixel.
        """
        return blend(
            base_masks,
            frame_indices,
            coefficients,
            boxes_xyxy,
            stride=stride,
            upsample=self.upsample,
            reading=self.reading,
            grid=self.grid,
            cell_size=self.cell_size,
        )


class MaskHead(nn.Module):
    """Wires the three modules; their sizes follow from the grid and the reading of Eq. 2.

    Args:
        channels: of the pyramid.
        grid: G, the most divisions of a box along a side (Table 3).
        cell_size: of Eq. 1 in input pixels.
        reading: of Eq. 2, see `GranularityBlender`.
        levels: of the base masks (Table 5).
        upsample: of the masks against P3 (Table 4).
        hidden_channels: of the base mask module.
        instance_convolution: the 1x1 convolution of the base mask module.
        detail_channels: of C2 for base masks of a stride of 4, see `BaseMasks`; `upsample` is then
            against C2: 2 for the paper's masks of stride 2.

    Raises:
        ValueError: a setting is unknown or beyond its limits.
    """

    def __init__(
        self,
        channels: int,
        grid: int = 6,
        cell_size: float = 50.0,
        reading: BlenderReading = "region_vector",
        levels: Sequence[str] = LEVEL_NAMES,
        upsample: int = 4,
        hidden_channels: int = 128,
        instance_convolution: bool = True,
        detail_channels: int = 0,
    ) -> None:
        super().__init__()
        require_channels("channels", channels)
        self.channels = channels
        self.detail_channels = detail_channels
        self.blender = GranularityBlender(reading, grid, cell_size, upsample)
        self.spatial_attention = SpatialAttention(channels, self.blender.num_scores)
        self.base_masks = BaseMasks(
            channels,
            self.blender.num_masks,
            levels,
            hidden_channels,
            instance_convolution,
            detail_channels,
        )

    @property
    def base_stride(self) -> int:
        """Input pixels per base-mask pixel."""
        return C2_STRIDE if self.detail_channels else P3_STRIDE

    def attention_scores(
        self, outputs: DenseOutputs, frame_indices: Tensor, locations: Tensor
    ) -> Tensor:
        """Scores [N, S] of the locations that produced N instances; see `SpatialAttention.at`."""
        return self.spatial_attention.at(outputs.pyramid, frame_indices, locations)

    def instance_masks(
        self, outputs: DenseOutputs, frame_indices: Tensor, locations: Tensor, boxes_xyxy: Tensor
    ) -> BlendedMasks:
        """Mask logits of N instances inside their boxes; used in training and in inference.

        Args:
            outputs: of B frames.
            frame_indices: [N].
            locations: [N] index into the L locations; the one that produced the instance.
            boxes_xyxy: [N, 4] input pixels.
        """
        scores = self.attention_scores(outputs, frame_indices, locations)
        return self.masks(outputs, frame_indices, scores, boxes_xyxy)

    def masks(
        self, outputs: DenseOutputs, frame_indices: Tensor, scores: Tensor, boxes_xyxy: Tensor
    ) -> BlendedMasks:
        """The same with given scores [N, S], be they the instances' own or others."""
        stride = outputs.mask_stride * self.blender.upsample
        return self.blender(outputs.base_masks, frame_indices, scores, boxes_xyxy, stride)
