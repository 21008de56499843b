"""How far the figures of a results file would move on other videos like these.

Videos are what was drawn: a resample takes as many of them, with replacement, and is scored like a
data set of its own, a video that was drawn twice being there twice. Among equal scores, whose order
is arbitrary, the copies of a detection follow each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.average_precision import (
    DETECTION_LIMITS,
    RECALL_POINTS,
    UNDEFINED,
    CategoryMatches,
    metrics_of,
)
from sgnet.evaluation.matching import IOU_THRESHOLDS, Matches

PERCENTILES = (2.5, 97.5)
_CHUNK = 64  # resamples that are counted at a time
_RANGES = {"": "all", "_S": "small", "_M": "medium", "_L": "large"}

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FigureInterval:
    """A figure with its 95 % interval by bootstrap over videos; None where it is undefined.

    Attributes:
        value: on the videos as they are.
        low: lower end.
        high: upper end.
        standard_error: deviation over the resamples.
        resamples: in which it is defined.
    """

    value: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    resamples: int


@dataclass(frozen=True)
class FigureDifference(FigureInterval):
    """A figure of one results file minus that of another, on the same resamples.

    Attributes:
        better: share of the resamples in which the first is above the other; half of a tie.
    """

    better: float | None


def drawn_videos(count: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """How often each of `count` videos is in each resample: [resamples, count].

    Fewer than two videos have no resamples: nothing is known about others.
    """
    resamples = resamples if count > 1 else 0
    random = np.random.default_rng(seed)
    return random.multinomial(count, np.full(count, 1 / max(1, count)), size=resamples)


def resampled_figures(
    matched: Sequence[CategoryMatches], video_ids: Sequence[int], times: NDArray[np.int64]
) -> dict[str, FloatArray]:
    """Every figure of every resample, NaN where nothing of its kind is annotated there.

    Args:
        matched: of all categories.
        video_ids: V, all videos of the annotations.
        times: [resamples, V] how often each is there; see `drawn_videos`.

    Returns:
        By name, [resamples].
    """
    columns = {number: column for column, number in enumerate(video_ids)}
    parts: dict[str, list[FloatArray]] = {}
    for category in matched:
        mine = times[:, [columns[number] for number in category.video_ids]]
        for end, name in _RANGES.items():
            if name in category.by_range:
                ranked = _Ranked.of(category.by_range[name])
                for figure, values in ranked.figures(mine, end).items():
                    parts.setdefault(figure, []).append(values)
    return {figure: _mean_of_defined(np.stack(rows)) for figure, rows in parts.items()}


def _mean_of_defined(values: FloatArray) -> FloatArray:
    """Mean over the categories [K, resamples] that a resample defines."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(1, counts), np.nan)


@dataclass(frozen=True)
class _Ranked:
    """Detections of all videos of a category and area range, by falling score.

    Attributes:
        right: [thresholds, D] those that find an annotated track.
        wrong: [thresholds, D] those that find none; ignored ones are neither.
        videos: [D] place of each one's video.
        places: [D] its rank within its video.
        annotated: [V] tracks of each video.
    """

    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    videos: NDArray[np.int64]
    places: NDArray[np.int64]
    annotated: NDArray[np.int64]

    @classmethod
    def of(cls, matches: Sequence[Matches]) -> _Ranked:
        """Those of V videos."""
        counts = [len(video.scores) for video in matches]
        ranking = np.argsort(-np.concatenate([v.scores for v in matches]), kind="stable")
        is_match = np.concatenate([video.is_match for video in matches], axis=1)[:, ranking]
        ignored = np.concatenate([video.ignored for video in matches], axis=1)[:, ranking]
        return cls(
            right=is_match & ~ignored,
            wrong=~is_match & ~ignored,
            videos=np.repeat(np.arange(len(matches)), counts)[ranking],
            places=np.concatenate([np.arange(count) for count in counts])[ranking],
            annotated=np.array([video.num_ground_truths for video in matches]),
        )

    def figures(self, times: NDArray[np.int64], end: str) -> dict[str, FloatArray]:
        """AP and AR [resamples] of this range, whose figures' names have that end."""
        annotated = (times @ self.annotated).astype(np.float64)
        annotated[annotated == 0] = np.nan
        precision = self._precision(times, annotated)  # [resamples, thresholds]
        found = {f"AP{end}": precision.mean(axis=1)}
        if not end:
            rows = {round(float(t), 2): row for row, t in enumerate(IOU_THRESHOLDS)}
            found |= {"AP50": precision[:, rows[0.5]], "AP75": precision[:, rows[0.75]]}
        limits = {f"AR{limit}": limit for limit in DETECTION_LIMITS}
        for name, limit in (limits if not end else {f"AR{end}": DETECTION_LIMITS[-1]}).items():
            chosen = self.places < limit
            right = times[:, self.videos[chosen]] @ self.right[:, chosen].T  # [resamples, T]
            found[name] = (right / annotated[:, None]).mean(axis=1)
        return found

    def _precision(self, times: NDArray[np.int64], annotated: FloatArray) -> FloatArray:
        """Mean precision over the recall points [resamples, thresholds].

        Only the ranks of right detections count: elsewhere precision falls and recall stays.
        """
        result = np.zeros((len(times), len(self.right)))
        for start in range(0, len(times), _CHUNK):
            rows = slice(start, start + _CHUNK)
            weights = times[rows][:, self.videos]  # [chunk, D]
            for threshold, (right, wrong) in enumerate(zip(self.right, self.wrong, strict=True)):
                ranks = np.flatnonzero(right)
                if ranks.size:
                    hits = weights[:, ranks].cumsum(axis=1)
                    misses = (weights * wrong).cumsum(axis=1)[:, ranks]
                    result[rows, threshold] = _sampled(hits, misses, annotated[rows])
        result[np.isnan(annotated)] = np.nan
        return result


def _sampled(
    hits: NDArray[np.int64], misses: NDArray[np.int64], annotated: FloatArray
) -> FloatArray:
    """Mean over the recall points of the best precision at that recall or above: [resamples]."""
    precision = hits / (hits + misses + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.concatenate([envelope, np.zeros((len(hits), 1))], axis=1)
    means = np.zeros(len(hits))
    for row, recall in enumerate(hits / annotated[:, None]):
        means[row] = reached[row, np.searchsorted(recall, RECALL_POINTS, side="left")].mean()
    return means


def figure_intervals(
    matched: Sequence[CategoryMatches], video_ids: Sequence[int], resamples: int, seed: int
) -> dict[str, FigureInterval]:
    """Every figure over all categories with its interval; none of fewer than two videos.

    Args:
        matched: of all categories; see `match_categories`.
        video_ids: all videos of the annotations.
        resamples: of the bootstrap.
        seed: of its draws.
    """
    times = drawn_videos(len(video_ids), resamples, seed)
    drawn = resampled_figures(matched, video_ids, times)
    return {
        name: FigureInterval(value, *_spread(drawn.get(name)))
        for name, value in _defined_figures(matched).items()
    }


def figure_differences(
    ours: Sequence[CategoryMatches],
    others: Sequence[CategoryMatches],
    video_ids: Sequence[int],
    resamples: int,
    seed: int,
) -> dict[str, FigureDifference]:
    """Every figure of one results file minus that of another; see `figure_intervals`."""
    times = drawn_videos(len(video_ids), resamples, seed)
    mine, theirs = (resampled_figures(part, video_ids, times) for part in (ours, others))
    values, subtracted = _defined_figures(ours), _defined_figures(others)
    differences = {name: mine[name] - theirs[name] for name in mine if name in theirs}
    return {
        name: FigureDifference(
            _minus(value, subtracted[name]),
            *_spread(differences.get(name)),
            better=_share_above_zero(differences.get(name)),
        )
        for name, value in values.items()
    }


def _defined_figures(matched: Sequence[CategoryMatches]) -> dict[str, float | None]:
    stats = metrics_of(matched).stats
    return {name: None if value == UNDEFINED else value for name, value in stats.items()}


def _minus(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


def _known(drawn: FloatArray | None) -> FloatArray:
    return np.zeros(0) if drawn is None else drawn[~np.isnan(drawn)]


def _spread(drawn: FloatArray | None) -> tuple[float | None, float | None, float | None, int]:
    """The last four attributes of `FigureInterval`."""
    known = _known(drawn)
    if known.size < 2:
        return None, None, None, known.size
    low, high = np.percentile(known, PERCENTILES).tolist()
    return low, high, float(known.std(ddof=1)), known.size


def _share_above_zero(drawn: FloatArray | None) -> float | None:
    known = _known(drawn)
    return float(((np.sign(known) + 1) / 2).mean()) if known.size else None


def intervals_table(intervals: Mapping[str, FigureInterval], title: str) -> str:
    """A line for each figure in per cent; - where it is undefined."""
    lines = [f"{title:<10}{'value':>8}{'se':>7}   95 %"]
    for name, figure in intervals.items():
        line = f"{name:<10}{_per_cent(figure.value):>8}{_per_cent(figure.standard_error):>7}"
        line += f"   {_per_cent(figure.low)} to {_per_cent(figure.high)}"
        if isinstance(figure, FigureDifference) and figure.better is not None:
            line += f", better in {100 * figure.better:.0f} % of the resamples"
        lines.append(line)
    return "\n".join(lines)


def _per_cent(value: float | None) -> str:
    # the sum takes the sign from what rounds to zero
    return "-" if value is None else f"{round(100 * value, 1) + 0.0:.1f}"
