"""Annotated and found tracks of a video, frame by frame, with their overlaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from sgnet.evaluation.frame_matching import mask_overlaps, matched_objects
from sgnet.evaluation.tracking_counts import FrameOverlaps
from sgnet.ops.rle import area, to_coco
from sgnet.records import AnnotatedTrack, ResultTrack, Rle

IN_CROWD = 0.5  # of a mask's pixels

Masks = Sequence[Rle | None]  # of a track, by frame


def track_overlaps(
    annotated: Sequence[AnnotatedTrack], found: Sequence[ResultTrack], length: int
) -> list[FrameOverlaps]:
    """The frames of one video, or of one category of it.

    Masks without a pixel are absent. Crowds are no objects; found masks that find no object and lie
    in a crowd by more than half are left out, for they may well be right.

    Args:
        annotated: its annotated tracks; none is fine.
        found: its found ones; scores do not count.
        length: frames of the video.

    Raises:
        ValueError: the masks of a frame differ in size.
    """
    objects = [track.segmentations for track in annotated if not track.iscrowd]
    crowds = [track.segmentations for track in annotated if track.iscrowd]
    tracks = [track.segmentations for track in found]
    return [
        _frame(*(_shown(part, frame) for part in (objects, tracks, crowds)))
        for frame in range(length)
    ]


def _shown(tracks: Sequence[Masks], frame: int) -> dict[int, Rle]:
    """Masks of a frame by the indices of their tracks."""
    masks = ((index, track[frame]) for index, track in enumerate(tracks) if frame < len(track))
    return {index: mask for index, mask in masks if mask is not None and area(mask)}


def _frame(
    objects: dict[int, Rle], tracks: dict[int, Rle], crowds: dict[int, Rle]
) -> FrameOverlaps:
    sizes = {(m.height, m.width) for part in (objects, tracks, crowds) for m in part.values()}
    if len(sizes) > 1:
        raise ValueError(f"masks of one frame must have one size, got {sorted(sizes)}")
    ious = mask_overlaps(list(objects.values()), list(tracks.values()))  # [N, D]
    counted = ~_in_crowds(list(tracks.values()), list(crowds.values()))
    counted |= matched_objects(ious.T) >= 0
    return FrameOverlaps(
        np.array(list(objects), dtype=np.int64),
        np.array(list(tracks), dtype=np.int64)[counted],
        ious[:, counted],
    )


def _in_crowds(masks: Sequence[Rle], crowds: Sequence[Rle]) -> NDArray[np.bool_]:
    """Whether each mask lies in a crowd by more than half."""
    if not masks or not crowds:
        return np.zeros(len(masks), dtype=np.bool_)
    regions = [to_coco(crowd) for crowd in crowds]
    shares = coco_mask.iou([to_coco(mask) for mask in masks], regions, [1] * len(regions))
    inside: NDArray[np.bool_] = np.asarray(shares).max(axis=1) > IN_CROWD
    return inside
