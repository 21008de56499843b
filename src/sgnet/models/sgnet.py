"""The whole network (SG-Net Figure 2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sgnet.files.checked_values import require_number
from sgnet.models.backbone import ResNetFPN, split_detail
from sgnet.models.detection_head import DetectionHead
from sgnet.models.mask_head import MaskHead
from sgnet.models.timm_backbone import TimmFPN
from sgnet.models.tracking_head import TrackingHead
from sgnet.ops.locations import level_locations
from sgnet.structures import DenseOutputs, LocationGrid

Levels = tuple[Tensor, ...]
LOCATION_OFFSET = 0.5


class SGNet(nn.Module):
    """Backbone-FPN, detection head, mask head and tracking head.

    Args:
        backbone: gives P3..P7.
        detection_head: classes, box distances, centerness.
        mask_head: attention scores and base masks.
        tracking_head: movements.
        location_offset: where a location sits in its cell, as a share of the stride; None takes
            the middle, 0.5, until weights are loaded that were trained with another.

    Raises:
        ValueError: heads for another number of channels than the backbone gives, of the pyramid or
            of C2, or an offset outside of the cell.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: ResNetFPN | TimmFPN,
        detection_head: DetectionHead,
        mask_head: MaskHead,
        tracking_head: TrackingHead,
        location_offset: float | None = None,
    ) -> None:
        super().__init__()
        heads = {
            "detection_head": detection_head,
            "mask_head": mask_head,
            "tracking_head": tracking_head,
        }
        for name, head in heads.items():
            if head.channels != backbone.channels:
                raise ValueError(
                    f"{name}.channels must be the backbone's {backbone.channels}, "
                    f"got {head.channels}"
                )
        if mask_head.detail_channels != backbone.detail_channels:
            raise ValueError(
                "mask_head.detail_channels must be those of the C2 that the backbone gives, "
                f"{backbone.detail_channels}, got {mask_head.detail_channels}"
            )
        if location_offset is not None:
            require_number("location_offset", location_offset, 0, 1)
        self.backbone = backbone
        self.detection_head = detection_head
        self.mask_head = mask_head
        self.tracking_head = tracking_head
        self.location_offset = LOCATION_OFFSET if location_offset is None else location_offset
        for name, values in (("mean", backbone.pixel_mean), ("std", backbone.pixel_std)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor, previous_features: Levels | None = None) -> DenseOutputs:
        """Consecutive frames of one video; each frame's reference is the frame before it.

        Args:
            images: [T, 3, H, W] RGB, 0..255, uint8 or float.
            previous_features: the last frame's `tracking_features` of the call before, per level
                [1, C, H_l, W_l]; None starts a video: the first frame is its own reference.
        """
        pyramid, detail, features = self._features(images)
        first = tuple(level[:1] for level in features)
        before = first if previous_features is None else previous_features
        shifted = tuple(torch.cat([b, f[:-1]]) for b, f in zip(before, features, strict=True))
        return self._heads(pyramid, detail, features, shifted)

    def forward_pairs(
        self, key_images: Tensor, reference_images: Tensor, both_ways: bool = False
    ) -> DenseOutputs:
        """Outputs for the key frames of clip pairs.

        Args:
            key_images: [B, 3, H, W] RGB, 0..255.
            reference_images: [B, 3, H, W] earlier frames of the same videos.
            both_ways: also take each reference frame as a key frame whose reference is the key
                frame; outputs then hold 2B frames, the reference frames behind the key frames.
        """
        pyramid, detail, features = self._features(torch.cat([key_images, reference_images]))
        count = key_images.shape[0]
        if both_ways:
            turned = tuple(level.roll(count, 0) for level in features)
            return self._heads(pyramid, detail, features, turned)
        keys = tuple(level[:count] for level in features)
        references = tuple(level[count:] for level in features)
        pyramid = tuple(level[:count] for level in pyramid)
        return self._heads(pyramid, None if detail is None else detail[:count], keys, references)

    def _features(self, images: Tensor) -> tuple[Levels, Tensor | None, Levels]:
        """Pyramid, C2 or None, and centerness-branch features; tuples over the levels."""
        pyramid, detail = split_detail(self.backbone((images - self.mean) / self.std))
        return pyramid, detail, tuple(map(self.detection_head.box_features, pyramid))

    def _heads(
        self,
        pyramid: Levels,
        detail: Tensor | None,
        features: Levels,
        reference_features: Levels,
    ) -> DenseOutputs:
        maps = [
            self.detection_head(level, box) for level, box in zip(pyramid, features, strict=True)
        ]
        movement = [
            self.tracking_head(key, reference)
            for key, reference in zip(features, reference_features, strict=True)
        ]
        shapes = [(level.shape[-2], level.shape[-1]) for level in pyramid]
        grid = location_grid(shapes, self.location_offset, pyramid[0].device)
        return DenseOutputs(
            class_logits=_flatten([m.class_logits for m in maps]),
            distances_ltrb=_flatten([m.distances_ltrb for m in maps]),
            centerness_logits=_flatten([m.centerness_logits for m in maps]).squeeze(2),
            pyramid=pyramid,
            movements=_flatten(movement),
            base_masks=self.mask_head.base_masks(pyramid, detail),
            locations=grid.locations,
            strides=grid.strides,
            level_sizes=grid.level_sizes,
            mask_stride=self.mask_stride,
            mask_upsample=self.mask_head.blender.upsample,
            tracking_features=features,
        )

    @property
    def mask_stride(self) -> int:
        """Input pixels per mask pixel."""
        return self.mask_head.base_stride // self.mask_head.blender.upsample


def location_grid(
    shapes: Sequence[tuple[int, int]],
    offset: float,
    device: torch.device,
    strides: Sequence[int] = ResNetFPN.strides,
) -> LocationGrid:
    """The locations of all levels.

    Args:
        shapes: (height, width) of each level.
        offset: where a location sits in its cell, as a share of the stride.
        device: of the result.
        strides: of each level.
    """
    locations, of_level = [], []
    for size, stride in zip(shapes, strides, strict=True):
        points = level_locations(size, stride, offset, device)
        locations.append(points)
        of_level.append(points.new_full((points.shape[0],), stride))
    sizes = tuple(points.shape[0] for points in locations)
    return LocationGrid(torch.cat(locations), torch.cat(of_level), sizes)


def _flatten(levels: Sequence[Tensor]) -> Tensor:
    """Maps [B, C, H_l, W_l] of all levels as one [B, L, C]."""
    return torch.cat([level.flatten(2).transpose(1, 2) for level in levels], dim=1)
