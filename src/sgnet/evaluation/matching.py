"""Which detections of a video and category find which annotated tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.track_groups import group_indices
from sgnet.evaluation.video_iou import mask_areas, track_ious
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Video

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREA_RANGES = {  # mean pixels of a track, both ends included
    "all": (0.0, 1e10),
    "small": (0.0, 128.0**2),
    "medium": (128.0**2, 256.0**2),
    "large": (256.0**2, 1e10),
}
MOST_DETECTIONS = 100  # of a video and category

NO_MATCH = -1


@dataclass(frozen=True)
class Overlaps:
    """All that matching needs to know about one video and category.

    Attributes:
        detections: [D] place of each in what was measured, by falling score.
        scores: [D] falling.
        detection_areas: [D] mean area in pixels.
        ground_truth_areas: [N] mean area in pixels.
        crowds: [N] True where the annotation is a crowd.
        ious: [D, N].
    """

    detections: NDArray[np.int64]
    scores: NDArray[np.float64]
    detection_areas: NDArray[np.float64]
    ground_truth_areas: NDArray[np.float64]
    crowds: NDArray[np.bool_]
    ious: NDArray[np.float64]


@dataclass(frozen=True)
class Matches:
    """The outcome of matching in one video, category and area range.

    Attributes:
        scores: [D] falling.
        is_match: [thresholds, D] True where the detection found an annotated track.
        ignored: [thresholds, D] True where the detection counts neither as right nor as wrong.
        num_ground_truths: annotated tracks that are not ignored.
    """

    scores: NDArray[np.float64]
    is_match: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    num_ground_truths: int


@dataclass(frozen=True)
class CategoryOverlaps:
    """Overlaps of one category, video by video.

    Attributes:
        category_id: of the category.
        video_ids: [V] rising, of the videos that have a track of it.
        detections: for each, the indices of its found tracks; its overlaps count these.
        ground_truths: for each, the indices of its annotated tracks.
        videos: for each, its overlaps.
    """

    category_id: int
    video_ids: tuple[int, ...]
    detections: tuple[list[int], ...]
    ground_truths: tuple[list[int], ...]
    videos: tuple[Overlaps, ...]


def measure_categories(
    videos: Sequence[Video],
    categories: Sequence[Category],
    ground_truth: Sequence[AnnotatedTrack],
    results: Sequence[ResultTrack],
) -> list[CategoryOverlaps]:
    """Measures the overlaps of all categories, by rising id; tracks of others are left out.

    Raises:
        ValueError: a track's video is not among the videos, or masks of a frame differ in size.
    """

    def measure(rows: Sequence[int], columns: Sequence[int]) -> Overlaps:
        """The overlaps of the tracks at these places."""
        return measure_overlaps([results[i] for i in rows], [ground_truth[i] for i in columns])

    return category_overlaps(videos, categories, ground_truth, results, measure)


def category_overlaps(
    videos: Sequence[Video],
    categories: Sequence[Category],
    ground_truth: Sequence[AnnotatedTrack],
    results: Sequence[ResultTrack],
    measure: Callable[[Sequence[int], Sequence[int]], Overlaps],
) -> list[CategoryOverlaps]:
    """The overlaps of all categories, by rising id; tracks of others are left out.

    Args:
        videos: of the tracks.
        categories: that count.
        ground_truth: annotated tracks.
        results: found tracks.
        measure: gives the overlaps of a video's found tracks with its annotated ones, all of one
            category; both are told by their places.

    Raises:
        ValueError: a track's video is not among the videos.
    """
    video_ids = sorted({video.id for video in videos})
    annotated = group_indices(ground_truth, video_ids, "ground_truth")
    detected = group_indices(results, video_ids, "results")
    measured = []
    for category in sorted({category.id for category in categories}):
        keys = [(video_id, category) for video_id in video_ids]
        keys = [key for key in keys if key in detected or key in annotated]
        found = tuple(detected.get(key, []) for key in keys)
        true = tuple(annotated.get(key, []) for key in keys)
        overlaps = tuple(map(measure, found, true))
        shown = tuple(video_id for video_id, _ in keys)
        measured.append(CategoryOverlaps(category, shown, found, true, overlaps))
    return measured


def measure_overlaps(
    detections: Sequence[ResultTrack], ground_truths: Sequence[AnnotatedTrack]
) -> Overlaps:
    """Ranks detections by score, equal ones in the file's order, and keeps the best 100."""

    def measure(ranking: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Areas and IoUs of the best."""
        masks = [detections[i].segmentations for i in ranking]
        areas = np.array([mean_area(mask_areas(track)) for track in masks])
        return areas, track_ious(masks, [track.segmentations for track in ground_truths])

    return ranked_overlaps([track.score for track in detections], ground_truths, measure)


def ranked_overlaps(
    scores: Sequence[float],
    ground_truths: Sequence[AnnotatedTrack],
    measure: Callable[[NDArray[np.int64]], tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> Overlaps:
    """The overlaps of the best 100 detections.

    Args:
        scores: of all detections; of equal ones the first is better.
        ground_truths: N annotated tracks.
        measure: from the places of the best D the mean areas [D] and the IoUs [D, N].
    """
    all_scores = np.array(scores, dtype=np.float64)
    ranking = np.argsort(-all_scores, kind="stable")[:MOST_DETECTIONS]
    areas, ious = measure(ranking)
    return Overlaps(
        detections=ranking,
        scores=all_scores[ranking],
        detection_areas=areas,
        ground_truth_areas=np.array([mean_area(track.areas) for track in ground_truths]),
        crowds=np.array([track.iscrowd for track in ground_truths], dtype=np.bool_),
        ious=ious,
    )


def mean_area(areas: Sequence[float | None]) -> float:
    """The mean over the frames that have an area and where it is not 0; 0 without any."""
    known = [area for area in areas if area]
    return float(np.mean(known)) if known else 0.0


def match(overlaps: Overlaps, area_range: tuple[float, float]) -> Matches:
    """Matches at every IoU threshold.

    Crowds and annotated tracks out of the range are ignored, and so are the detections matched to
    them and the unmatched detections out of the range.
    """
    ignored = overlaps.crowds | _outside(overlaps.ground_truth_areas, area_range)  # [N]
    order = np.argsort(ignored, kind="stable")  # regular ones first, then in the file's order
    ious, crowds, ignored = overlaps.ious[:, order], overlaps.crowds[order], ignored[order]
    best = ious.max(initial=0.0)
    matched = np.full((len(IOU_THRESHOLDS), len(ious)), NO_MATCH)
    for row, threshold in enumerate(np.minimum(IOU_THRESHOLDS, 1 - 1e-10)):
        if best >= threshold:
            matched[row] = match_greedily(ious, ignored, crowds, threshold)
    is_match = matched != NO_MATCH
    match_is_ignored = np.append(ignored, False)[matched]  # the appended one stands for NO_MATCH
    outside = _outside(overlaps.detection_areas, area_range)
    return Matches(
        scores=overlaps.scores,
        is_match=is_match,
        ignored=match_is_ignored | (~is_match & outside),
        num_ground_truths=int(np.count_nonzero(~ignored)),
    )


def _outside(areas: NDArray[np.float64], area_range: tuple[float, float]) -> NDArray[np.bool_]:
    smallest, largest = area_range
    return (areas < smallest) | (areas > largest)


def match_greedily(
    ious: NDArray[np.float64],
    ignored: NDArray[np.bool_],
    crowds: NDArray[np.bool_],
    threshold: float,
) -> NDArray[np.int64]:
    """Lets detections choose in the order of their scores.

    Args:
        ious: [D, N], detections by falling score, regular annotated tracks before ignored ones.
        ignored: [N].
        crowds: [N] True where many detections may match.
        threshold: least IoU of a match.

    Returns:
        [D] index of the annotated track, or `NO_MATCH`.
    """
    matched = np.full(len(ious), NO_MATCH, dtype=np.int64)
    free = np.ones(len(ignored), dtype=np.bool_)
    within_reach = ious.max(axis=1, initial=0.0) >= threshold
    for detection in np.flatnonzero(within_reach):
        candidates = (ious[detection] >= threshold) & free
        choice = _last_best(ious[detection], candidates & ~ignored)
        if choice == NO_MATCH:
            choice = _last_best(ious[detection], candidates & ignored)
        if choice != NO_MATCH:
            matched[detection] = choice
            free[choice] = crowds[choice]
    return matched


def _last_best(ious: NDArray[np.float64], candidates: NDArray[np.bool_]) -> int:
    """The candidate of highest IoU, of equal ones the last; `NO_MATCH` without candidates."""
    indices = np.flatnonzero(candidates)
    if indices.size == 0:
        return NO_MATCH
    return int(indices[::-1][ious[indices[::-1]].argmax()])
