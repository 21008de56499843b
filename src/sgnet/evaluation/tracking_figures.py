"""HOTA, CLEAR MOT and identity figures of results, over all and by category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.track_groups import group_indices
from sgnet.evaluation.track_overlaps import track_overlaps
from sgnet.evaluation.tracking_counts import (
    HotaCounts,
    TrackingCounts,
    total,
    tracking_counts,
)
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Video

SHARES = ("HOTA", "DetA", "AssA", "LocA", "IDF1", "MOTA")  # columns of the table, in per cent
NUMBERS = ("id_switches", "fragmentations", "mostly_tracked", "partly_tracked", "mostly_lost")
_HEADS = (*SHARES, "switches", "fragm.", "MT", "PT", "ML")


@dataclass(frozen=True)
class TrackingFigures:
    """Figures by name, see `tracking_figures`.

    Attributes:
        all: of the counts of all categories together, in which each object counts the same.
        category_mean: mean over the categories that have an object, annotated or found; the numbers
            are sums. Empty without such a category.
        per_category: of these categories, by id.
    """

    all: dict[str, float]
    category_mean: dict[str, float]
    per_category: dict[int, dict[str, float]]

    def as_json(self) -> dict[str, object]:
        """The layout of score files."""
        by_category = {str(number): row for number, row in self.per_category.items()}
        return {
            "all": self.all,
            "category_mean": self.category_mean,
            "per_category": by_category,
        }


def evaluate_tracking(
    videos: Sequence[Video],
    categories: Sequence[Category],
    ground_truth: Sequence[AnnotatedTrack],
    results: Sequence[ResultTrack],
) -> TrackingFigures:
    """Scores the tracks of results, whatever their scores are.

    Each category is scored for itself: a track of another category finds nothing. Crowds are
    regions to ignore: see `track_overlaps`.

    Raises:
        ValueError: a track's video is not among the videos, or masks of a frame differ in size.
    """
    video_ids = [video.id for video in videos]
    annotated = group_indices(ground_truth, video_ids, "ground_truth")
    found = group_indices(results, video_ids, "results")
    counts = {}
    for category in sorted(category.id for category in categories):
        keys = [((video.id, category), video.length) for video in videos]
        of_videos = total(
            tracking_counts(
                track_overlaps(
                    [ground_truth[index] for index in annotated.get(key, ())],
                    [results[index] for index in found.get(key, ())],
                    length,
                )
            )
            for key, length in keys
            if key in annotated or key in found
        )
        if of_videos.detections + of_videos.found > 0:
            counts[category] = of_videos
    per_category = {number: tracking_figures(part) for number, part in counts.items()}
    return TrackingFigures(
        tracking_figures(total(counts.values())), _category_mean(per_category), per_category
    )


def _category_mean(per_category: Mapping[int, Mapping[str, float]]) -> dict[str, float]:
    rows = list(per_category.values())
    return {
        name: float((sum if name in NUMBERS else np.mean)([row[name] for row in rows]))
        for name in (rows[0] if rows else ())
    }


def tracking_figures(counts: TrackingCounts) -> dict[str, float]:
    """The figures of counts, shares in 0..1 but for the numbers at the end.

    HOTA and what it is made of are means over `ALPHAS`.
    """
    hota, clear = counts.hota, counts.clear
    annotated, found, assigned = counts.detections, counts.found, counts.identity_matches
    detection = hota.matches / np.maximum(1, annotated + found - hota.matches)
    matches = np.maximum(1, hota.matches)
    association = hota.association / matches
    wrong = found - clear.matches + clear.switches
    return {
        "HOTA": float(np.sqrt(detection * association).mean()),
        "DetA": float(detection.mean()),
        "AssA": float(association.mean()),
        "DetRe": float((hota.matches / max(1, annotated)).mean()),
        "DetPr": float((hota.matches / max(1, found)).mean()),
        "AssRe": float((hota.association_recall / matches).mean()),
        "AssPr": float((hota.association_precision / matches).mean()),
        "LocA": float(_localization(hota).mean()),
        "MOTA": (clear.matches - wrong) / max(1, annotated),
        "MOTP": clear.similarity / max(1, clear.matches),
        "IDF1": 2 * assigned / max(1, annotated + found),
        "IDR": assigned / max(1, annotated),
        "IDP": assigned / max(1, found),
        "id_switches": clear.switches,
        "fragmentations": clear.fragmentations,
        "mostly_tracked": clear.mostly_tracked,
        "partly_tracked": clear.partly_tracked,
        "mostly_lost": clear.mostly_lost,
    }


def _localization(hota: HotaCounts) -> NDArray[np.float64]:
    """Mean IoU of matches [A]; 1 without any, as nothing is out of place."""
    return np.divide(
        hota.similarity,
        hota.matches,
        out=np.ones_like(hota.similarity),
        where=hota.matches > 0,
    )


def tracking_table(figures: TrackingFigures, categories: Sequence[Category]) -> str:
    """A plain text table, shares in per cent."""
    names = {category.id: category.name for category in categories}
    rows = [(names[number], row) for number, row in figures.per_category.items()]
    if figures.category_mean:
        rows.append(("mean of categories", figures.category_mean))
    rows.append(("all", figures.all))
    width = max(len(name) for name, _ in (*rows, ("category", {})))
    lines = [f"{'category':<{width}}" + "".join(f"{head:>9}" for head in _HEADS)]
    for name, row in rows:
        cells = [f"{100 * row[share]:.1f}" for share in SHARES]
        cells += [f"{row[number]:.0f}" for number in NUMBERS]
        lines.append(f"{name:<{width}}" + "".join(f"{cell:>9}" for cell in cells))
    return "\n".join(lines)
