"""Frozen dataclasses that cross layers.

Letters: B frames in a batch, C channels, H W pixels, h w pixels of base masks, L locations over all
levels, N instances, K classes, G grid side, R cells, T frames of a video.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from sgnet.records import (
    AnnotatedTrack,
    Category,
    ResultTrack,
    Rle,
    TrackedInstance,
    Video,
)

__all__ = [
    "AnnotatedTrack",
    "Category",
    "ClipPairBatch",
    "DenseOutputs",
    "Detections",
    "LocationGrid",
    "PairTargets",
    "ResultTrack",
    "Rle",
    "Targets",
    "TensorGroup",
    "TrackedInstance",
    "Video",
    "VideoChunk",
]


class TensorGroup:
    """Lets a dataclass of tensors, nested or not, move as one tensor would."""

    def to(self, *args: Any, **kwargs: Any) -> Self:  # noqa: ANN401 - torch's own signature
        """A copy whose tensors went through `Tensor.to`."""
        return self._map(lambda tensor: tensor.to(*args, **kwargs))

    def pin_memory(self) -> Self:
        """A copy in page-locked memory, for asynchronous copies to a GPU."""
        return self._map(torch.Tensor.pin_memory)

    def _map(self, function: Callable[[Tensor], Tensor]) -> Self:
        values: dict[str, Any] = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                value = tuple(_mapped(v, function) for v in value)
            values[field.name] = _mapped(value, function)
        return type(self)(**values)


def _mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:  # noqa: ANN401 - a field's
    if isinstance(value, TensorGroup):
        return value._map(function)
    return function(value) if isinstance(value, Tensor) else value


@dataclass(frozen=True)
class Targets(TensorGroup):
    """What the key frames of a batch hold; padded to N instances a frame.

    Attributes:
        boxes_xyxy: [B, N, 4] input pixels; zeros in padded rows.
        labels: [B, N] class index in 0..K-1.
        track_ids: [B, N] annotation ids, equal for the same object in both frames.
        valid: [B, N] True where the row is an object and no padding.
        movements: [B, N, 2] box centre in the key frame minus that in the reference frame (x, y),
            input pixels (o_t - o_{t-1} of SG-Net Eq. 4); zeros where `in_both` is False.
        in_both: [B, N] True where the object is in the key and in the reference frame.
        masks: [M, H, W] uint8 0/1 masks of the M valid rows, in the order of
            `valid.nonzero()`.
    """

    boxes_xyxy: Tensor
    labels: Tensor
    track_ids: Tensor
    valid: Tensor
    movements: Tensor
    in_both: Tensor
    masks: Tensor

    def joined(self, other: Targets) -> Targets:
        """These frames followed by the other's, padded to the wider of the two."""
        return Targets(
            **{
                name: _cat_padded(getattr(self, name), getattr(other, name))
                for name in ("boxes_xyxy", "labels", "track_ids", "valid", "movements", "in_both")
            },
            masks=torch.cat([self.masks, other.masks]),
        )

    def without_masks(self) -> Targets:
        """The same but for the masks, of which there are none."""
        return replace(self, masks=self.masks[:0])


def _cat_padded(first: Tensor, second: Tensor) -> Tensor:
    """[B, N, ...] and [B', N', ...] as [B + B', max(N, N'), ...], zeros in new rows."""
    return torch.nn.utils.rnn.pad_sequence([*first, *second], batch_first=True)


@dataclass(frozen=True)
class PairTargets(TensorGroup):
    """What both frames of a batch of clip pairs hold.

    Attributes:
        key: of the key frames.
        reference: of the reference frames.
        turned: of targets that come with another batch: the sides of their frames are exchanged
            against that batch's.
    """

    key: Targets
    reference: Targets
    turned: bool = False

    def of_key_frames(self, both_ways: bool) -> Targets:
        """Of the frames that are key frames: `both_ways` the reference frames as well, behind."""
        return self.key.joined(self.reference) if both_ways else self.key


@dataclass(frozen=True)
class ClipPairBatch(TensorGroup):
    """Key frames with one earlier reference frame each, moved by one geometric transform.

    Attributes:
        key_images: [B, 3, H, W] uint8 RGB.
        reference_images: [B, 3, H, W] uint8 RGB.
        key_targets: objects of the key frames; movements point from reference to key.
        reference_targets: objects of the reference frames; movements point from key to reference,
            so that a pair read backwards is a pair as well.
        names: the key frames' file names, for error messages.
        seeds: of the pairs' reference frames and transforms.
        replaced: what was wrong with frames whose pairs were replaced by others.
        following: targets without masks of the batches behind this one that are accumulated into
            the same optimiser step, in order.
    """

    key_images: Tensor
    reference_images: Tensor
    key_targets: Targets
    reference_targets: Targets
    names: tuple[str, ...]
    seeds: tuple[int, ...] = ()
    replaced: tuple[str, ...] = ()
    following: tuple[PairTargets, ...] = ()

    @property
    def targets(self) -> PairTargets:
        """Of both frames."""
        return PairTargets(self.key_targets, self.reference_targets)


@dataclass(frozen=True)
class VideoChunk(TensorGroup):
    """Consecutive frames of one video, in order, for validation and inference.

    Attributes:
        images: [T, 3, H, W] uint8 RGB at network input size.
        video_id: id in the annotation file.
        first_frame: index in the video of the first frame here.
        video_length: frames of the whole video.
        original_size: (height, width) of the original frames.
    """

    images: Tensor
    video_id: int
    first_frame: int
    video_length: int
    original_size: tuple[int, int]


@dataclass(frozen=True)
class LocationGrid(TensorGroup):
    """The locations of all levels behind each other.

    Attributes:
        locations: [L, 2] x, y of each location in input pixels.
        strides: [L] stride of each location's level in input pixels.
        level_sizes: number of locations of each level, in order; they sum to L.
    """

    locations: Tensor
    strides: Tensor
    level_sizes: tuple[int, ...]

    def turned(self) -> LocationGrid:
        """The locations of frames whose sides are exchanged, by columns instead of rows."""
        return replace(self, locations=self.locations.flip(1))


@dataclass(frozen=True)
class DenseOutputs(TensorGroup):
    """All that the network says about a batch of frames, before any decision.

    Attributes:
        class_logits: [B, L, K].
        distances_ltrb: [B, L, 4] distances >= 0 to the box sides in units of the stride.
        centerness_logits: [B, L].
        pyramid: per level [B, C, H_l, W_l]; attention scores are computed from it where they are
            needed, see `MaskHead.attention_scores`.
        movements: [B, L, 2] displacement (x, y) since the reference frame, in units of the stride.
        base_masks: [B, C, h, w] base masks at P3's size, or C2's.
        locations: [L, 2] x, y of each location in input pixels.
        strides: [L] stride of each location's level in input pixels.
        level_sizes: number of locations of each level, in order; they sum to L.
        mask_stride: input pixels per mask pixel.
        mask_upsample: mask pixels per base-mask pixel along a side.
        tracking_features: per level [B, C, H_l, W_l]; the next frame's reference features.
    """

    class_logits: Tensor
    distances_ltrb: Tensor
    centerness_logits: Tensor
    pyramid: tuple[Tensor, ...]
    movements: Tensor
    base_masks: Tensor
    locations: Tensor
    strides: Tensor
    level_sizes: tuple[int, ...]
    mask_stride: int
    mask_upsample: int
    tracking_features: tuple[Tensor, ...]

    def only(self, frame: int) -> DenseOutputs:
        """Those of one of the B frames, as a batch of one; views."""
        one = slice(frame, frame + 1)
        return replace(
            self,
            class_logits=self.class_logits[one],
            distances_ltrb=self.distances_ltrb[one],
            centerness_logits=self.centerness_logits[one],
            movements=self.movements[one],
            pyramid=tuple(level[one] for level in self.pyramid),
            base_masks=self.base_masks[one],
            tracking_features=tuple(level[one] for level in self.tracking_features),
        )

    @property
    def mask_size(self) -> tuple[int, int]:
        """(height, width) of a whole frame's masks."""
        height, width = self.base_masks.shape[-2:]
        return height * self.mask_upsample, width * self.mask_upsample

    @property
    def grid(self) -> LocationGrid:
        """The locations by themselves."""
        return LocationGrid(self.locations, self.strides, self.level_sizes)


@dataclass(frozen=True)
class Detections:
    """The instances found in one frame, by falling score.

    Attributes:
        boxes_xyxy: [N, 4] input pixels, clipped to the frame.
        scores: [N] sqrt(class probability * centerness).
        labels: [N] class index in 0..K-1.
        locations: [N, 2] the centerness location o that produced each detection, input pixels.
        movements: [N, 2] displacement since the reference frame, input pixels.
        location_indices: [N] index into the L locations.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    labels: Tensor
    locations: Tensor
    movements: Tensor
    location_indices: Tensor
