"""The YouTube-VIS metric, to the last digit that of the official ytvoseval.

Deliberate differences, all where the official code crashes or goes wrong in silence: no result at
all is legal and scores 0; annotation ids of 0 count like others; unknown videos are errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.matching import (
    AREA_RANGES,
    IOU_THRESHOLDS,
    CategoryOverlaps,
    Matches,
    match,
    measure_categories,
)
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Video

RECALL_POINTS = np.linspace(0, 1, 101)
DETECTION_LIMITS = (1, 10, 100)
UNDEFINED = -1.0  # the official mark for 'no annotated track of this kind'

_SUFFIXES = {"_S": "small", "_M": "medium", "_L": "large"}


@dataclass(frozen=True)
class VideoMetrics:
    """Average precision and recall in 0..1, or -1 where nothing of the kind is annotated.

    Attributes:
        stats: AP, AP50, AP75, AP_S, AP_M, AP_L, AR1, AR10, AR100, AR_S, AR_M, AR_L over all
            categories.
        per_category: the same for each declared category id.
    """

    stats: dict[str, float]
    per_category: dict[int, dict[str, float]]

    def as_json(self) -> dict[str, object]:
        """The layout of score files: {"stats": {...}, "per_category": {id: {...}}}."""
        per_category = {str(number): stats for number, stats in self.per_category.items()}
        return {"stats": self.stats, "per_category": per_category}


@dataclass(frozen=True)
class CategoryMatches:
    """What detections of one category find, video by video.

    Attributes:
        category_id: of the category.
        video_ids: [V] rising, of the videos that have a track of it.
        by_range: V matches for each area range in which a track is annotated.
    """

    category_id: int
    video_ids: tuple[int, ...]
    by_range: dict[str, list[Matches]]


@dataclass(frozen=True)
class _Curves:
    """Precision and recall of one category; area ranges without annotated tracks are left out.

    Attributes:
        precision: by area range, [thresholds, 101] at the recall points, best 100 detections.
        recall: by area range and detection limit, [thresholds] when all detections are in.
    """

    precision: dict[str, NDArray[np.float64]]
    recall: dict[tuple[str, int], NDArray[np.float64]]


def evaluate(
    videos: Sequence[Video],
    categories: Sequence[Category],
    ground_truth: Sequence[AnnotatedTrack],
    results: Sequence[ResultTrack],
) -> VideoMetrics:
    """Scores results against annotations.

    Tracks of undeclared categories are left out. The order of the tracks settles ties, so it
    should be that of the files. Without results every defined figure is 0.

    Raises:
        ValueError: a track's video is not among the videos, or masks of a frame differ in size.
    """
    return metrics_of(match_categories(videos, categories, ground_truth, results))


def metrics_of(matched: Sequence[CategoryMatches]) -> VideoMetrics:
    """The figures of what `match_categories` found."""
    curves = {category.category_id: _category_curves(category) for category in matched}
    return VideoMetrics(
        stats=_summarize(list(curves.values())),
        per_category={number: _summarize([curve]) for number, curve in curves.items()},
    )


def match_categories(
    videos: Sequence[Video],
    categories: Sequence[Category],
    ground_truth: Sequence[AnnotatedTrack],
    results: Sequence[ResultTrack],
) -> list[CategoryMatches]:
    """Matches results with annotations, category by category; see `evaluate`.

    Raises:
        ValueError: as `evaluate`.
    """
    measured = measure_categories(videos, categories, ground_truth, results)
    return [match_category(category) for category in measured]


def match_category(overlaps: CategoryOverlaps) -> CategoryMatches:
    """Matches one category in all its videos."""
    by_range = {
        name: [match(video, area_range) for video in overlaps.videos]
        for name, area_range in AREA_RANGES.items()
    }
    return CategoryMatches(
        overlaps.category_id,
        overlaps.video_ids,
        {
            name: matches
            for name, matches in by_range.items()
            if any(video.num_ground_truths for video in matches)
        },
    )


def _category_curves(category: CategoryMatches) -> _Curves:
    curves = _Curves({}, {})
    for name, matches in category.by_range.items():
        for limit in DETECTION_LIMITS:
            precision, recall = precision_recall(matches, limit)
            curves.recall[name, limit] = recall
        curves.precision[name] = precision  # of the last and highest limit
    return curves


def precision_recall(
    matches: Sequence[Matches], limit: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ranks the detections of all videos together.

    Args:
        matches: one for each video, by rising video id; at least one annotated track in all.
        limit: detections a video at most.

    Returns:
        Precision [thresholds, 101] at the recall points, and the final recall [thresholds].
    """
    scores = np.concatenate([video.scores[:limit] for video in matches])
    ranking = np.argsort(-scores, kind="stable")
    is_match = np.concatenate([video.is_match[:, :limit] for video in matches], axis=1)[:, ranking]
    ignored = np.concatenate([video.ignored[:, :limit] for video in matches], axis=1)[:, ranking]
    right = (is_match & ~ignored).cumsum(axis=1)  # [thresholds, detections]
    wrong = (~is_match & ~ignored).cumsum(axis=1)
    recall = right / sum(video.num_ground_truths for video in matches)
    precision = right / (right + wrong + np.spacing(1))
    final_recall = recall[:, -1] if scores.size else np.zeros(len(IOU_THRESHOLDS))
    rows = zip(recall, precision, strict=True)
    return np.stack([sample_precision(*row) for row in rows]), final_recall


def sample_precision(
    recall: NDArray[np.float64], precision: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Reads a curve at the recall points: the best precision at that recall or a higher one.

    Args:
        recall: [detections] rising.
        precision: [detections].

    Returns:
        [101], 0 at recalls that are not reached.
    """
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    positions = np.searchsorted(recall, RECALL_POINTS, side="left")
    return np.append(envelope, 0.0)[positions]


def _summarize(curves: Sequence[_Curves]) -> dict[str, float]:
    """The twelve official figures over some categories."""
    precision = {
        name: [curve.precision[name] for curve in curves if name in curve.precision]
        for name in AREA_RANGES
    }
    recall = {
        (name, limit): [curve.recall[name, limit] for curve in curves if name in curve.precision]
        for name in AREA_RANGES
        for limit in DETECTION_LIMITS
    }
    largest = DETECTION_LIMITS[-1]
    row = {round(float(threshold), 2): i for i, threshold in enumerate(IOU_THRESHOLDS)}
    return {
        "AP": _mean(precision["all"]),
        "AP50": _mean([p[row[0.5]] for p in precision["all"]]),
        "AP75": _mean([p[row[0.75]] for p in precision["all"]]),
        **{f"AP{end}": _mean(precision[name]) for end, name in _SUFFIXES.items()},
        **{f"AR{limit}": _mean(recall["all", limit]) for limit in DETECTION_LIMITS},
        **{f"AR{end}": _mean(recall[name, largest]) for end, name in _SUFFIXES.items()},
    }


def _mean(values: Sequence[NDArray[np.float64]]) -> float:
    return float(np.mean(values)) if values else UNDEFINED


def format_table(metrics: VideoMetrics, categories: Sequence[Category]) -> str:
    """A plain text table in per cent, one row a category and one for all; - where undefined.

    Where no figure is defined, a first line says why.
    """
    names = {category.id: category.name for category in categories}
    rows = [(names.get(number, str(number)), row) for number, row in metrics.per_category.items()]
    rows.append(("all", metrics.stats))
    width = max(len(name) for name, _ in (*rows, ("category", {})))
    header = f"{'category':<{width}}" + "".join(f"{name:>7}" for name in metrics.stats)
    lines = [
        f"{name:<{width}}" + "".join(f"{_per_cent(value):>7}" for value in row.values())
        for name, row in rows
    ]
    undefined = metrics.stats["AP"] == UNDEFINED
    why = ["AP is undefined: no object is annotated (crowds do not count)"] if undefined else []
    return "\n".join([*why, header, *lines])


def _per_cent(value: float) -> str:
    return "-" if value == UNDEFINED else f"{100 * value:.1f}"
