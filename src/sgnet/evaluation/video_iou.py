"""Overlap of tracks over a whole video."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from sgnet.ops.rle import to_coco
from sgnet.records import Rle

Track = Sequence[Rle | None]


def mask_areas(track: Track) -> list[int]:
    """Foreground pixels of each frame, 0 where the object is absent.

    The masks must be checked ones (see `sgnet.ops.rle`), here and below.
    """
    present = [to_coco(mask) for mask in track if mask is not None]
    areas = iter(coco_mask.area(present).tolist() if present else [])
    return [0 if mask is None else next(areas) for mask in track]


def track_ious(detections: Sequence[Track], ground_truths: Sequence[Track]) -> NDArray[np.float64]:
    """Sum over frames of the intersections over sum over frames of the unions.

    An object absent on one side adds the other's area to the union; a union of 0 gives 0. Where
    one track has fewer frames than the other, the frames that only one has do not count, as in the
    official code; the readers refuse such files.

    Args:
        detections: D tracks of one video.
        ground_truths: N tracks of the same video; crowds are treated like any other.

    Returns:
        [D, N], empty where either side is.

    Raises:
        ValueError: the masks of a frame differ in size.
    """
    intersections = np.zeros((len(detections), len(ground_truths)))
    frames = max((len(track) for track in (*detections, *ground_truths)), default=0)
    for frame in range(frames if intersections.size else 0):
        _add_intersections(intersections, detections, ground_truths, frame)
    detected, in_detection = _areas_by_frame(detections, frames)
    annotated, in_annotation = _areas_by_frame(ground_truths, frames)
    both = detected @ in_annotation.T + in_detection @ annotated.T  # [D, N]
    unions = both - intersections
    return np.divide(intersections, unions, out=np.zeros_like(unions), where=unions > 0)


def _areas_by_frame(
    tracks: Sequence[Track], frames: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas and, as 1 or 0, whether the track has that frame at all: both [tracks, frames]."""
    areas = np.zeros((len(tracks), frames))
    has_frame = np.zeros((len(tracks), frames))
    for row, track in enumerate(tracks):
        areas[row, : len(track)] = mask_areas(track)
        has_frame[row, : len(track)] = 1
    return areas, has_frame


def _add_intersections(
    intersections: NDArray[np.float64],
    detections: Sequence[Track],
    ground_truths: Sequence[Track],
    frame: int,
) -> None:
    """Adds one frame's intersections to [D, N]."""
    rows, detected = _present(detections, frame)
    columns, annotated = _present(ground_truths, frame)
    if rows and columns:
        intersections[np.ix_(rows, columns)] += _mask_intersections(detected, annotated)


def _present(tracks: Sequence[Track], frame: int) -> tuple[list[int], list[Rle]]:
    """The indices and masks of the tracks that are present in a frame."""
    indices, masks = [], []
    for index, track in enumerate(tracks):
        mask = track[frame] if frame < len(track) else None
        if mask is not None:
            indices.append(index)
            masks.append(mask)
    return indices, masks


def _mask_intersections(first: list[Rle], second: list[Rle]) -> NDArray[np.float64]:
    """Intersections in pixels, [first, second].

    pycocotools gives the ratio q = i / (a + b - i) fastest; i = q (a + b) / (1 + q) is a whole
    number below 2**29, so rounding gives it back exactly.
    """
    sizes = {(mask.height, mask.width) for mask in (*first, *second)}
    if len(sizes) > 1:
        raise ValueError(f"masks of one frame must have one size, got {sorted(sizes)}")
    left, right = [to_coco(mask) for mask in first], [to_coco(mask) for mask in second]
    ratios = np.asarray(coco_mask.iou(left, right, [0] * len(right)))
    sums = coco_mask.area(left)[:, None].astype(float) + coco_mask.area(right)[None].astype(float)
    exact: NDArray[np.float64] = np.rint(ratios * sums / (1 + ratios))
    return exact
