"""Clip pairs to a padded batch, with the movement targets of SG-Net Eq. 4."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sgnet.data.clips.clip_pairs import ClipPair, FrameSample
from sgnet.ops.boxes import box_centers
from sgnet.structures import ClipPairBatch, Targets


def collate_clip_pairs(pairs: Sequence[ClipPair]) -> ClipPairBatch:
    """Stacks B pairs of one image size; the sampler gives pairs of one orientation.

    Returns:
        A batch whose targets are padded to the most objects any frame has, 0 where none has any.
    """
    keys = [pair.key for pair in pairs]
    references = [pair.reference for pair in pairs]
    return ClipPairBatch(
        key_images=torch.stack([key.image for key in keys]),
        reference_images=torch.stack([reference.image for reference in references]),
        key_targets=collate_targets(keys, references),
        reference_targets=collate_targets(references, keys),
        names=tuple(pair.name for pair in pairs),
        seeds=tuple(pair.seed for pair in pairs),
        replaced=tuple(problem for pair in pairs for problem in pair.replaced),
    )


def collate_targets(frames: Sequence[FrameSample], others: Sequence[FrameSample]) -> Targets:
    """Targets of B frames; movements point from `others` to `frames`."""
    moved = [movement_targets(f, o) for f, o in zip(frames, others, strict=True)]
    valid = [torch.ones(f.labels.shape[0], dtype=torch.bool) for f in frames]
    return Targets(
        boxes_xyxy=_pad([f.boxes_xyxy for f in frames]),
        labels=_pad([f.labels for f in frames]),
        track_ids=_pad([f.track_ids for f in frames]),
        valid=_pad(valid),
        movements=_pad([movement for movement, _ in moved]),
        in_both=_pad([in_both for _, in_both in moved]),
        masks=torch.cat([f.masks for f in frames]),
    )


def movement_targets(frame: FrameSample, other: FrameSample) -> tuple[Tensor, Tensor]:
    """Displacement of each object's box centre since the other frame (SG-Net Eq. 4).

    Returns:
        movements [N, 2] in pixels, zeros where the object is not in both frames; in_both [N].
    """
    same = frame.track_ids[:, None] == other.track_ids[None]  # [N, N']
    in_both = same.any(dim=1)
    if same.shape[1] == 0:
        return frame.boxes_xyxy.new_zeros(same.shape[0], 2), in_both
    partner = same.int().argmax(dim=1)
    movements = box_centers(frame.boxes_xyxy) - box_centers(other.boxes_xyxy)[partner]
    return movements * in_both[:, None], in_both


def _pad(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors [N_b, ...] as one [B, max N_b, ...] filled with zeros."""
    padded: Tensor = torch.nn.utils.rnn.pad_sequence(list(tensors), batch_first=True)
    return padded
