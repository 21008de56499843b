"""Figures over annotated objects: means, their standard errors, and two systems compared.

The objects of one video resemble each other, so videos and not objects are what was drawn: standard
errors and intervals are over videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.intervals import PERCENTILES, drawn_videos

CEILING_STRIDES = (8, 4, 2)  # of masks upsampled by 1, 2 and 4 times P3's resolution
KEYS = ("video", "frame", "object", "category")
FIGURES = (
    "mask_iou",
    "mask_iou_other_scores",
    "mask_iou_own_minus_other",
    "contested_mask_iou",
    "contested_own_minus_other",
    "contested_others_claimed",
    "contested_own_kept",
    "contested_told_apart",
    *(f"ceiling_stride_{stride}" for stride in CEILING_STRIDES),
    "class_right",
    "box_iou",
    "movement_error",
    "movement_error_of_none",
    "found_box",
    "found_mask",
    "id_switched",
)


@dataclass(frozen=True)
class ObjectTable:
    """One row for each annotated object of each frame.

    Attributes:
        keys: [N, 4] video id, frame, annotation id, category id.
        values: [N, figures] in the order of `FIGURES`, NaN where a figure is not defined.
    """

    keys: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, keys: Sequence[Sequence[int]], values: Sequence[Sequence[float]]) -> ObjectTable:
        """A table of rows, none is fine."""
        return cls(
            np.array(keys, dtype=np.int64).reshape(-1, len(KEYS)),
            np.array(values, dtype=np.float64).reshape(-1, len(FIGURES)),
        )

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.keys)


@dataclass(frozen=True)
class Figure:
    """A mean over objects.

    Attributes:
        mean: None where it is defined for no object.
        standard_error: clustered by video; None with fewer than two videos.
        plain_standard_error: as if objects were independent; None with fewer than two.
        objects: that it is defined for.
        videos: that these are in.
    """

    mean: float | None
    standard_error: float | None
    plain_standard_error: float | None
    objects: int
    videos: int


@dataclass(frozen=True)
class Difference:
    """A paired difference of means, ours minus the other's.

    Attributes:
        mean: None where no object has both.
        low: lower end of the 95 % interval, by bootstrap over videos; None with fewer than two.
        high: its upper end.
        objects: that both are defined for.
        videos: that these are in.
    """

    mean: float | None
    low: float | None
    high: float | None
    objects: int
    videos: int


def object_figures(table: ObjectTable) -> dict[str, Figure]:
    """Every figure of a table by name."""
    columns = zip(FIGURES, table.values.T, strict=True)
    return {name: mean_figure(values, table.keys[:, 0]) for name, values in columns}


def mean_figure(values: NDArray[np.float64], videos: NDArray[np.int64]) -> Figure:
    """Mean of values [N], NaN left out, clustered by videos [N].

    The mean is a ratio of two sums over videos, whose variance is that of the videos' summed
    deviations (Cochran's ratio estimator, the cluster-robust variance of a mean), with the factor
    V / (V - 1) for V videos.
    """
    sums, counts = _by_video(values, videos)
    number = int(counts.sum())
    if not number:
        return Figure(None, None, None, 0, 0)
    mean = float(sums.sum() / number)
    deviations = sums - counts * mean  # [V] of each video's objects together
    clusters = len(counts)
    clustered = np.sqrt((deviations**2).sum() * clusters / max(1, clusters - 1)) / number
    known = values[~np.isnan(values)]
    plain = known.std(ddof=1) / np.sqrt(number) if number > 1 else 0.0
    return Figure(
        mean,
        float(clustered) if clusters > 1 else None,
        float(plain) if number > 1 else None,
        number,
        clusters,
    )


def paired_differences(
    ours: ObjectTable, others: ObjectTable, resamples: int, seed: int
) -> dict[str, Difference]:
    """Every figure's paired difference of two systems over the same objects.

    Args:
        ours: one system's table.
        others: the other's; its rows may stand in another order.
        resamples: of the bootstrap.
        seed: of its draws; all figures share them.

    Raises:
        ValueError: the tables are not over the same objects.
    """
    ours, others = sorted_table(ours), sorted_table(others)
    require_same_objects(ours.keys, others.keys)
    columns = zip(FIGURES, ours.values.T, others.values.T, strict=True)
    return {
        name: mean_difference(mine - theirs, ours.keys[:, 0], resamples, seed)
        for name, mine, theirs in columns
    }


def require_same_objects(keys: NDArray[np.int64], others: NDArray[np.int64]) -> None:
    """Compares the keys [N, 4] of two tables, whatever their order.

    Raises:
        ValueError: they are not those of the same objects.
    """
    mine, theirs = (sorted(map(tuple, table.tolist())) for table in (keys, others))
    if mine != theirs:
        shared = len(set(mine) & set(theirs))
        raise ValueError(
            f"both systems must be measured on the same objects, got {shared} shared of "
            f"{len(mine)} here and {len(theirs)} there"
        )


def mean_difference(
    values: NDArray[np.float64], videos: NDArray[np.int64], resamples: int, seed: int
) -> Difference:
    """Mean of differences [N], NaN left out, and its interval by bootstrap over videos [N].

    Args:
        values: ours minus the other's.
        videos: id of each one's video.
        resamples: how often as many videos are drawn with replacement.
        seed: of the draws.
    """
    sums, counts = _by_video(values, videos)
    number, clusters = int(counts.sum()), len(counts)
    mean = float(sums.sum() / number) if number else None
    if clusters < 2:
        return Difference(mean, None, None, number, clusters)
    times = drawn_videos(clusters, resamples, seed)
    low, high = np.percentile((times @ sums) / (times @ counts), PERCENTILES).tolist()
    return Difference(mean, low, high, number, clusters)


def _by_video(
    values: NDArray[np.float64], videos: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and number of the values of each video that has any, both [V]."""
    known = ~np.isnan(values)
    _, index = np.unique(videos[known], return_inverse=True)
    sums: NDArray[np.float64] = np.bincount(index, weights=values[known]).astype(np.float64)
    return sums, np.bincount(index).astype(np.float64)


def sorted_table(table: ObjectTable) -> ObjectTable:
    """Its rows by video, frame, object and category."""
    order = np.lexsort(table.keys.T[::-1])
    return ObjectTable(table.keys[order], table.values[order])
