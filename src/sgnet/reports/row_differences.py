"""What the rows of a table differ by from one of them, seed by seed, and whether that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.object_figures import (
    FIGURES,
    Difference,
    ObjectTable,
    mean_difference,
    require_same_objects,
    sorted_table,
)
from sgnet.evaluation.object_rows import load_rows
from sgnet.reports.runs import Run
from sgnet.reports.table import Row

SHARP = (  # attribute of `RowDifference`, figure, head of its column
    ("mask_iou", "mask_iou", "mask IoU"),
    ("others_claimed", "contested_others_claimed", "others claimed"),
    ("told_apart", "contested_told_apart", "told apart"),
)
RESAMPLES = 2000
# Student's t at 97.5 % by degrees of freedom; the last one, a little wide, for any more
T_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
BOUNDS = ("95 % over seeds", "95 % over videos", "holds")


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval; without bounds where there are too few values."""

    mean: float
    low: float | None
    high: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether all of it lies on one side of 0."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


@dataclass(frozen=True)
class SharpDifference:
    """A row minus the reference in a figure of single objects; None without diagnoses.

    Attributes:
        over_seeds: of one difference a seed.
        over_videos: of the seeds' mean over the videos, by bootstrap.
    """

    over_seeds: Interval | None
    over_videos: Interval | None

    @property
    def holds(self) -> bool:
        """Whether it differs over the seeds as well as over the videos."""
        both = (self.over_seeds, self.over_videos)
        return all(interval is not None and interval.excludes_zero for interval in both)


@dataclass(frozen=True)
class RowDifference:
    """A row minus the reference, over the seeds that both have.

    Attributes:
        setting: the row's name.
        seeds: that both have.
        ap: difference in AP, over the seeds.
        mask_iou: in true boxes; it decides between mask heads.
        others_claimed: share of others' pixels in contested boxes that masks claim.
        told_apart: share of the object's own pixels that they keep there, minus that.
    """

    setting: str
    seeds: tuple[int | None, ...]
    ap: Interval | None
    mask_iou: SharpDifference
    others_claimed: SharpDifference
    told_apart: SharpDifference


def over_seeds(differences: Sequence[float]) -> Interval | None:
    """Mean and Student's interval of one difference a seed; None of none."""
    count = len(differences)
    if count == 0:
        return None
    mean = float(np.mean(differences))
    if count == 1:
        return Interval(mean, None, None)
    quantile = T_QUANTILES[min(count - 1, len(T_QUANTILES)) - 1]
    half = quantile * float(np.std(differences, ddof=1)) / count**0.5
    return Interval(mean, mean - half, mean + half)


def row_differences(rows: Sequence[Row], reference: str) -> list[RowDifference]:
    """Each other row minus the reference.

    Args:
        rows: of a table.
        reference: the name of a row, or a piece that only one has.

    Raises:
        ValueError: no row, or several, have it in their name; or diagnoses of other objects.
    """
    found = [row for row in rows if row.setting == reference]
    found = found or [row for row in rows if reference in row.setting]
    if len(found) != 1:
        raise ValueError(
            f"reference must be a row's name or in that of one alone, {reference!r} is in "
            f"{len(found)} of "
            f"{[row.setting for row in rows]}"
        )
    return [_difference(row, found[0]) for row in rows if row is not found[0]]


def _difference(row: Row, reference: Row) -> RowDifference:
    theirs = {run.seed: run for run in reference.runs}
    pairs = [(run, theirs[run.seed]) for run in row.runs if run.seed in theirs]
    scored = [(a.figures["AP"], b.figures["AP"]) for a, b in pairs]
    tables = [_values(*pair) for pair in pairs if all(run.objects is not None for run in pair)]
    for _, keys in tables[1:]:
        require_same_objects(tables[0][1], keys)
    return RowDifference(
        row.setting,
        tuple(run.seed for run, _ in pairs),
        over_seeds([ours - other for ours, other in scored]),
        *(_sharp(tables, figure) for _, figure, _ in SHARP),
    )


def _sharp(
    tables: Sequence[tuple[NDArray[np.float64], NDArray[np.int64]]], figure: str
) -> SharpDifference:
    """One figure of differences [N, figures] and keys [N, 4], a table a seed."""
    column = FIGURES.index(figure)
    values = [table[:, column] for table, _ in tables]
    values = [known for known in values if not np.isnan(known).all()]
    if not values:
        return SharpDifference(None, None)
    videos = tables[0][1][:, 0]
    return SharpDifference(
        over_seeds([float(np.nanmean(known)) for known in values]),
        _interval(mean_difference(np.mean(values, axis=0), videos, RESAMPLES, seed=0)),
    )


def _values(ours: Run, other: Run) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Differences [N, figures] and keys [N, 4] of the objects of two runs."""
    first, second = (sorted_table(_table(run)) for run in (ours, other))
    require_same_objects(first.keys, second.keys)
    return first.values - second.values, first.keys


def _table(run: Run) -> ObjectTable:
    if run.objects is None:
        raise ValueError(f"{run.folder}: expected a diagnosis with rows of objects, found none")
    return load_rows(run.objects)


def _interval(difference: Difference) -> Interval | None:
    if difference.mean is None:
        return None
    return Interval(difference.mean, difference.low, difference.high)


def differences_markdown(differences: Sequence[RowDifference], reference: str) -> str:
    """A table of them in points of per cent, and what it means.

    Figures of single objects that no row has are left out.
    """
    shown = [
        (attribute, head)
        for attribute, _, head in SHARP
        if any(getattr(row, attribute).over_seeds is not None for row in differences)
    ]
    sharp_heads = [cell for _, head in shown for cell in (head, *BOUNDS)]
    heads = ("setting", "seeds", *sharp_heads, "AP", BOUNDS[0])
    lines = [
        f"Minus the row of `{reference}`, seed by seed; in points. A difference holds "
        "where neither the interval over seeds nor the one over videos has 0 in it.",
        "",
        "| " + " | ".join(heads) + " |",
        "|---" * len(heads) + "|",
    ]
    for row in differences:
        name = f"`{row.setting}`" if "=" in row.setting else row.setting
        seeds = ", ".join(str(seed) for seed in row.seeds)
        sharp = [cell for attribute, _ in shown for cell in _cells(getattr(row, attribute))]
        cells = (name, seeds, *sharp, _mean(row.ap), _bounds(row.ap))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cells(difference: SharpDifference) -> tuple[str, str, str, str]:
    seeds, videos = difference.over_seeds, difference.over_videos
    holds = "" if seeds is None else ("yes" if difference.holds else "no")
    return _mean(seeds), _bounds(seeds), _bounds(videos), holds


def _mean(interval: Interval | None) -> str:
    return "" if interval is None else f"{100 * interval.mean:+.2f}"


def _bounds(interval: Interval | None) -> str:
    if interval is None or interval.low is None or interval.high is None:
        return ""
    return f"{100 * interval.low:+.2f} to {100 * interval.high:+.2f}"
