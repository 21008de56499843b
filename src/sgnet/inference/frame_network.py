"""The network for one frame at a time: same figures as `SGNet`, less work.

Fixed batch norms are folded into their convolutions. The box distances and the centerness, which
read the same features, run as one convolution. Attention scores and movements are computed only at
the locations that became detections: a few of thousands. On processors the 3x3 convolutions take
Winograd's form, all levels of the heads in one.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.ops import FrozenBatchNorm2d

from sgnet.inference.winograd import WinogradConv2d, use_winograd
from sgnet.models.backbone import split_detail
from sgnet.models.sgnet import Levels, SGNet, location_grid
from sgnet.models.timm_backbone import TimmFPN
from sgnet.ops.location_windows import WINDOW, location_windows, pyramid_table
from sgnet.ops.mask_assembly import BlendedMasks
from sgnet.structures import LocationGrid, TensorGroup


@dataclass(frozen=True)
class FrameMaps(TensorGroup):
    """What the network says about one frame before detections are chosen.

    Attributes:
        class_logits: [L, K].
        centerness_logits: [L].
        distances_ltrb: [L, 4] >= 0 in units of the stride.
        base_masks: [1, C, h, w] at P3's size, or C2's.
        pyramid: [L + 1, C] pyramid features of all levels, and zeros.
        box_features: [L, C] centerness-branch features; the next frame's reference features.
        grid: the locations.
        level_shapes: (height, width) of each level.
    """

    class_logits: Tensor
    centerness_logits: Tensor
    distances_ltrb: Tensor
    base_masks: Tensor
    pyramid: Tensor
    box_features: Tensor
    grid: LocationGrid
    level_shapes: tuple[tuple[int, int], ...]

    @property
    def width(self) -> int:
        """C, the channels of the pyramid."""
        return self.pyramid.shape[1]


@dataclass(frozen=True)
class InstanceOutputs:
    """What only the N detections of a frame need.

    Attributes:
        locations: [N, 2] centerness locations, input pixels.
        movements: [N, 2] displacement since the frame before, input pixels.
        masks: logits inside the boxes.
    """

    locations: Tensor
    movements: Tensor
    masks: BlendedMasks


class FrameNetwork(nn.Module):
    """Inference form of a trained network; its weights are copies.

    Args:
        model: trained; it is left as it is.
        dtype: of weights and features, float32 or bfloat16 or float16.
        winograd: 3x3 convolutions in Winograd's form; for float32 on processors.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, model: SGNet, dtype: torch.dtype = torch.float32, winograd: bool = False
    ) -> None:
        super().__init__()
        source = copy.deepcopy(model).eval().requires_grad_(False)
        fold_fixed_norms(source)
        self.backbone = source.backbone
        self.class_tower = _in_place(source.detection_head.class_tower)
        self.box_tower = _in_place(source.detection_head.box_tower)
        self.class_logits = source.detection_head.class_logits
        self.boxes_and_centerness = _joined(
            source.detection_head.box_distances, source.detection_head.centerness
        )
        attention = source.mask_head.spatial_attention
        self.attention_hidden = _as_product(attention.hidden)
        self.attention_scores = _as_product(attention.scores)
        self.base_masks = source.mask_head.base_masks
        _in_place(self.base_masks.fuse)
        if self.base_masks.sharpen is not None:
            _in_place(self.base_masks.sharpen)
        self.blender = source.mask_head.blender
        self.movement = source.tracking_head.movement
        self.uses_reference = source.tracking_head.tracking_input == "pair"
        self.location_offset = source.location_offset
        self.mask_stride = source.mask_stride
        self.register_buffer("mean", source.mean, persistent=False)
        self.register_buffer("std", source.std, persistent=False)
        if winograd:
            use_winograd(self)
        self.to(memory_format=torch.channels_last)
        for part in self.children():
            part.to(dtype)
        self.dtype = dtype
        self._grids: dict[tuple[object, ...], LocationGrid] = {}

    def forward(self, image: Tensor) -> FrameMaps:
        """Maps of one frame.

        Args:
            image: [3, H, W] RGB 0..255, uint8 or float.
        """
        return self.heads(self.backbone(self.normalized(image)))

    def normalized(self, image: Tensor) -> Tensor:
        """The frame [3, H, W] as the backbone takes it, [1, 3, H, W]."""
        pixels = (image[None] - self.mean) / self.std
        return pixels.to(self.dtype, memory_format=torch.channels_last)

    def heads(self, backbone_features: Levels) -> FrameMaps:
        """Maps of one frame from what the backbone gives, per level [1, C, H_l, W_l]."""
        pyramid, detail = split_detail(backbone_features)
        features = _through(self.box_tower, pyramid)
        boxes = _rows(_through(self.boxes_and_centerness, features)).float()
        logits = _through(self.class_logits, _through(self.class_tower, pyramid))
        shapes = tuple((level.shape[-2], level.shape[-1]) for level in pyramid)
        return FrameMaps(
            class_logits=_rows(logits).float(),
            centerness_logits=boxes[:, 4],
            distances_ltrb=boxes[:, :4].relu(),
            base_masks=self.base_masks(pyramid, detail).float(),
            pyramid=pyramid_table(pyramid),
            box_features=_rows(features),
            grid=self._grid(shapes, pyramid[0].device),
            level_shapes=shapes,
        )

    def instances(
        self,
        maps: FrameMaps,
        reference: Tensor | None,
        locations: Tensor,
        boxes_xyxy: Tensor,
        is_first: Tensor | None = None,
    ) -> InstanceOutputs:
        """Movements and masks of N detections; none is fine.

        Args:
            maps: of the frame.
            reference: [L, C] `box_features` of the frame before; None takes this frame's own.
            locations: [N] index into the L locations.
            boxes_xyxy: [N, 4] input pixels.
            is_first: [1] bool; where True `reference` is not looked at, for graphs without None.
        """
        masks = self.blender(
            maps.base_masks,
            torch.zeros_like(locations),
            self.coefficients(maps, locations),
            boxes_xyxy,
            self.mask_stride * self.blender.upsample,
        )
        strides = maps.grid.strides[locations][:, None]
        movements = self.movements(maps, reference, locations, is_first) * strides
        return InstanceOutputs(maps.grid.locations[locations], movements, masks)

    def mask_size(self, maps: FrameMaps) -> tuple[int, int]:
        """(height, width) of a whole frame's masks."""
        height, width = maps.base_masks.shape[-2:]
        return height * self.blender.upsample, width * self.blender.upsample

    def coefficients(self, maps: FrameMaps, locations: Tensor) -> Tensor:
        """Attention scores [N, S] at locations [N] of a frame.

        The two 3x3 convolutions as products of matrices, at 9 positions and at 1 a location.
        """
        windows = location_windows(maps.level_shapes, locations)
        patches = maps.pyramid.index_select(0, windows.rows.flatten())
        hidden = self.attention_hidden(patches.view(-1, WINDOW * maps.width)).relu()
        # the second convolution sees zeros outside of the map, not the first one's bias
        hidden = hidden.view(-1, WINDOW, maps.width) * windows.inside.to(hidden.dtype)[..., None]
        scores: Tensor = self.attention_scores(hidden.flatten(1))
        return scores.float()

    def movements(
        self,
        maps: FrameMaps,
        reference: Tensor | None,
        locations: Tensor,
        is_first: Tensor | None = None,
    ) -> Tensor:
        """Movements [N, 2] in units of the stride at locations [N].

        Args:
            maps: of the frame.
            reference: [L, C] `box_features` of the frame before; None takes this frame's own.
            locations: [N] index into the L locations.
            is_first: see `instances`.
        """
        features = maps.box_features.index_select(0, locations)
        if self.uses_reference:
            before = features if reference is None else reference.index_select(0, locations)
            if is_first is not None:
                before = torch.where(is_first[:, None], features, before)
            features = torch.cat([features, before], dim=1)
        return F.linear(features, self.movement.weight.flatten(1), self.movement.bias).float()

    def _grid(self, shapes: tuple[tuple[int, int], ...], device: torch.device) -> LocationGrid:
        key = (*shapes, device)
        if key not in self._grids:
            self._grids = {key: location_grid(shapes, self.location_offset, device)}
        return self._grids[key]


def fold_fixed_norms(module: nn.Module) -> None:
    """Multiplies fixed batch norms into the convolutions before them, in place.

    Group norm depends on the frame and stays. So do the norms of timm's networks, which may hold an
    activation or belong to another convolution than the one before them.
    """
    if isinstance(module, TimmFPN):
        return
    children = list(module.named_children())
    for (_, layer), (name, norm) in zip(children, children[1:], strict=False):
        if isinstance(layer, nn.Conv2d) and isinstance(norm, FrozenBatchNorm2d | nn.BatchNorm2d):
            statistics: Any = norm  # their types differ
            layer.weight, layer.bias = fuse_conv_bn_weights(
                layer.weight,
                layer.bias,
                statistics.running_mean,
                statistics.running_var,
                statistics.eps,
                statistics.weight,
                statistics.bias,
            )
            setattr(module, name, nn.Identity())
    for _, child in children:
        fold_fixed_norms(child)


def _joined(first: nn.Conv2d, second: nn.Conv2d) -> nn.Conv2d:
    """One convolution that gives the channels of two."""
    joined = nn.Conv2d(first.in_channels, first.out_channels + second.out_channels, 3, padding=1)
    joined.weight = nn.Parameter(torch.cat([first.weight, second.weight]), requires_grad=False)
    biases = [layer.bias for layer in (first, second) if layer.bias is not None]
    joined.bias = nn.Parameter(torch.cat(biases), requires_grad=False)
    return joined


def _in_place(tower: nn.Sequential) -> nn.Sequential:
    for layer in tower:
        if isinstance(layer, nn.ReLU):
            layer.inplace = True
    return tower


def _as_product(convolution: nn.Conv2d) -> nn.Linear:
    """A 3x3 convolution at single positions, whose windows are rows [9 * C], by neighbour."""
    product = nn.Linear(WINDOW * convolution.in_channels, convolution.out_channels)
    weights = convolution.weight.permute(0, 2, 3, 1).flatten(1)
    product.weight = nn.Parameter(weights.contiguous(), requires_grad=False)
    if convolution.bias is not None:
        product.bias = nn.Parameter(convolution.bias, requires_grad=False)
    return product


def _through(module: nn.Module, levels: Sequence[Tensor]) -> list[Tensor]:
    """All levels through a module that they share, together where it can."""
    if isinstance(module, nn.Sequential):
        for layer in module:
            levels = _through(layer, levels)
        return list(levels)
    if isinstance(module, WinogradConv2d):
        return module.levels(levels)
    return [module(level) for level in levels]


def _rows(levels: Sequence[Tensor]) -> Tensor:
    """Maps [1, C, H_l, W_l] of all levels as rows [L, C]."""
    return torch.cat([level[0].flatten(1).T for level in levels])
