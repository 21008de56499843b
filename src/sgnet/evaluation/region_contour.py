"""J&F, as DAVIS scores videos: regions by their IoU, contours by how well they follow each other.

Perazzi et al. (2016); tracks are given to objects as in DAVIS 2017 unsupervised, by the highest sum
of J, whatever their classes and scores. Where the papers leave room, TrackEval's way is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.frame_matching import mask_overlaps
from sgnet.evaluation.track_groups import indices_by_video
from sgnet.evaluation.video_iou import Track
from sgnet.ops.rle import decode, is_background
from sgnet.records import AnnotatedTrack, ResultTrack, Rle, Video

REACH = 0.008  # of the frame's diagonal: how far contours that agree lie apart at most
GOOD = 0.5  # a frame's J or F above it counts for recall
BINS = 4  # parts of a video; decay is from the first to the last
FIGURES = ("J&F", "J-Mean", "J-Recall", "J-Decay", "F-Mean", "F-Recall", "F-Decay")

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def evaluate_contours(
    videos: Sequence[Video],
    ground_truth: Sequence[AnnotatedTrack],
    results: Sequence[ResultTrack],
) -> dict[str, float]:
    """J&F and its parts, means over all objects in 0..1; {} without an object.

    Crowds are no objects. Tracks that are given to no object cost nothing, as in DAVIS, which
    limits their number instead.

    Raises:
        ValueError: a track's video is not among the videos, or masks of a frame differ in size.
    """
    numbers = [video.id for video in videos]
    annotated = indices_by_video(ground_truth, numbers, "ground_truth")
    found = indices_by_video(results, numbers, "results")
    rows = []
    for video in videos:
        objects = [ground_truth[index] for index in annotated.get(video.id, [])]
        masks = [track.segmentations for track in objects if not track.iscrowd]
        tracks = [results[index].segmentations for index in found.get(video.id, [])]
        rows += _of_video(masks, tracks, video.length)
    if not rows:
        return {}
    means = {name: float(np.mean([row[name] for row in rows])) for name in FIGURES[1:]}
    return {"J&F": (means["J-Mean"] + means["F-Mean"]) / 2, **means}


def _of_video(
    objects: Sequence[Track], tracks: Sequence[Track], length: int
) -> list[dict[str, float]]:
    """Figures of each object."""
    from scipy.optimize import linear_sum_assignment

    padded = [*tracks, *([()] * (len(objects) - len(tracks)))]  # absent ones find an absence
    regions = _regions(objects, padded, length)  # [tracks, objects, frames]
    rows, columns = linear_sum_assignment(-regions.mean(axis=2)) if objects else ((), ())
    figures = []
    for row, column in zip(rows, columns, strict=True):
        contours = [
            contour_accuracy(_shown(padded[row], frame), _shown(objects[column], frame))
            for frame in range(length)
        ]
        figures.append(
            _summary("J", regions[row, column]) | _summary("F", np.array(contours, np.float64))
        )
    return figures


def _shown(track: Track, frame: int) -> Rle | None:
    """Its mask, None where that has no pixel."""
    mask = track[frame] if frame < len(track) else None
    return None if mask is None or is_background(mask) else mask


def _regions(objects: Sequence[Track], tracks: Sequence[Track], length: int) -> FloatArray:
    """IoU [tracks, objects, frames]; 1 where neither is there."""
    regions = np.zeros((len(tracks), len(objects), length))
    for frame in range(length):
        found = [_shown(track, frame) for track in tracks]
        true = [_shown(track, frame) for track in objects]
        rows = [row for row, mask in enumerate(found) if mask is not None]
        columns = [column for column, mask in enumerate(true) if mask is not None]
        absent = np.ix_(
            [row for row, mask in enumerate(found) if mask is None],
            [column for column, mask in enumerate(true) if mask is None],
        )
        regions[:, :, frame][absent] = 1
        regions[:, :, frame][np.ix_(rows, columns)] = mask_overlaps(
            [mask for mask in found if mask is not None],
            [mask for mask in true if mask is not None],
        )
    return regions


def contour_accuracy(found: Rle | None, true: Rle | None) -> float:
    """F of a frame: the harmonic mean of the shares of each contour that lies by the other.

    Args:
        found: mask with a pixel, None where it is absent.
        true: the same of the object.

    Returns:
        In 0..1; 1 where both have no contour, absent or covering the frame.
    """
    if found is None and true is None:
        return 1.0
    contours = [None if mask is None else contour(decode(mask) != 0) for mask in (found, true)]
    shape = next(one.shape for one in contours if one is not None)
    first, second = (np.zeros(shape, np.bool_) if one is None else one for one in contours)
    if not first.any() or not second.any():
        return float(not first.any() and not second.any())
    reach = int(np.ceil(REACH * np.hypot(*shape)))
    precision = (first & _widened(second, reach)).sum() / first.sum()
    recall = (second & _widened(first, reach)).sum() / second.sum()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def contour(mask: BoolArray) -> BoolArray:
    """Pixels [H, W] that differ from their neighbour to the right, below, or between these."""
    edges = np.zeros_like(mask)
    edges[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edges[:-1] |= mask[:-1] != mask[1:]
    edges[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return edges


def _widened(contours: BoolArray, reach: int) -> BoolArray:
    """All pixels that lie within a reach of a contour's."""
    import cv2

    offsets = np.arange(-reach, reach + 1)
    disk = offsets[:, None] ** 2 + offsets**2 <= reach**2
    widened: BoolArray = cv2.dilate(contours.view(np.uint8), disk.astype(np.uint8)) != 0
    return widened


def _summary(name: str, values: FloatArray) -> dict[str, float]:
    """Mean, recall and decay of an object's frames."""
    ends = (np.round(np.linspace(1, len(values), BINS + 1) + 1e-10) - 1).astype(np.int64)
    first, last = (values[ends[part] : ends[part + 1] + 1].mean() for part in (0, BINS - 1))
    return {
        f"{name}-Mean": float(values.mean()),
        f"{name}-Recall": float((values > GOOD + np.finfo(np.float64).eps).mean()),
        f"{name}-Decay": float(first - last),
    }


def contours_table(figures: Mapping[str, float]) -> str:
    """A plain text table in per cent."""
    if not figures:
        return "J&F is undefined: no object is annotated (crowds do not count)"
    heads = "".join(f"{name:>10}" for name in figures)
    return f"{heads}\n" + "".join(f"{100 * value:>10.1f}" for value in figures.values())
