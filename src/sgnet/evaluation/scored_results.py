"""Everything that can be said of one results file, each made once where it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from sgnet.evaluation.average_precision import (
    CategoryMatches,
    VideoMetrics,
    match_category,
    metrics_of,
)
from sgnet.evaluation.error_gains import ErrorGains, gains_of, scored_objects
from sgnet.evaluation.intervals import (
    FigureDifference,
    FigureInterval,
    figure_differences,
    figure_intervals,
)
from sgnet.evaluation.matching import CategoryOverlaps, measure_categories
from sgnet.evaluation.region_contour import evaluate_contours
from sgnet.evaluation.results import load_results
from sgnet.evaluation.results_ladder import evaluate_ladder
from sgnet.evaluation.strata import StratumFigures, evaluate_strata
from sgnet.evaluation.track_errors import JudgedTrack, judge_tracks
from sgnet.evaluation.tracking_figures import TrackingFigures, evaluate_tracking
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Video

LARGE = 16 << 20  # bytes of a results file


@dataclass(frozen=True)
class ScoredResults:
    """Results and their figures.

    Attributes:
        videos: that are scored.
        categories: of the annotations.
        ground_truth: annotated tracks, in the file's order.
        results: found tracks, in the file's order.
        resamples: of the bootstrap behind intervals.
        seed: of its draws.
        errors_iou: least IoU of a track that is right, for errors.
        overlaps: of all categories, where they were measured before.
    """

    videos: Sequence[Video]
    categories: Sequence[Category]
    ground_truth: Sequence[AnnotatedTrack]
    results: Sequence[ResultTrack]
    resamples: int = 1000
    seed: int = 0
    errors_iou: float = 0.5
    overlaps: Sequence[CategoryOverlaps] | None = None

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        videos: Sequence[Video],
        categories: Sequence[Category],
        ground_truth: Sequence[AnnotatedTrack],
        check_lengths: bool = True,
    ) -> Self:
        """Reads a results file; see `load_results`.

        Of `LARGE` files the tracks stay in the file, and are measured while it is read, where numba
        and msgspec are installed (`pip install sgnet[fast]`): the figures are the same.

        Raises:
            ValueError: the file or an entry is malformed; the message names file, entry and field.
        """
        known = (videos, categories, ground_truth)
        if Path(path).is_file() and Path(path).stat().st_size >= LARGE:
            with suppress(ImportError):
                from sgnet.evaluation.results_file import measure_results_file
                from sgnet.files.json_list import ListError

                with suppress(ListError):
                    results, overlaps = measure_results_file(path, *known, check_lengths)
                    return cls(*known, results, overlaps=overlaps)
        return cls(*known, load_results(path, videos, categories, check_lengths))

    @property
    def _scored(
        self,
    ) -> tuple[
        Sequence[Video], Sequence[Category], Sequence[AnnotatedTrack], Sequence[ResultTrack]
    ]:
        return self.videos, self.categories, self.ground_truth, self.results

    @cached_property
    def measured(self) -> Sequence[CategoryOverlaps]:
        """Overlaps of all categories."""
        return measure_categories(*self._scored) if self.overlaps is None else self.overlaps

    @cached_property
    def matched(self) -> list[CategoryMatches]:
        """Matches of all categories."""
        return [match_category(category) for category in self.measured]

    @cached_property
    def metrics(self) -> VideoMetrics:
        """The official figures."""
        return metrics_of(self.matched)

    @cached_property
    def intervals(self) -> dict[str, FigureInterval]:
        """The official figures with intervals over videos."""
        return figure_intervals(self.matched, *self._drawn)

    def minus(self, other: ScoredResults) -> dict[str, FigureDifference]:
        """The official figures minus those of other results of the same videos."""
        return figure_differences(self.matched, other.matched, *self._drawn)

    @property
    def _drawn(self) -> tuple[list[int], int, int]:
        return [video.id for video in self.videos], self.resamples, self.seed

    @cached_property
    def tracking(self) -> TrackingFigures:
        """HOTA, CLEAR MOT and identity figures."""
        return evaluate_tracking(*self._scored)

    @cached_property
    def contours(self) -> dict[str, float]:
        """J&F."""
        return evaluate_contours(self.videos, self.ground_truth, self.results)

    @cached_property
    def strata(self) -> dict[str, dict[str, StratumFigures]]:
        """Figures of parts of the objects."""
        return evaluate_strata(self.measured, self.ground_truth, self.results, self.categories)

    @cached_property
    def ladder(self) -> dict[str, dict[str, float]]:
        """Figures with parts replaced by the truth, see `evaluate_ladder`."""
        return evaluate_ladder(*self._scored)

    @cached_property
    def judged(self) -> list[JudgedTrack]:
        """What is wrong with each track."""
        return judge_tracks(*self._scored, self.errors_iou)

    @cached_property
    def errors(self) -> ErrorGains:
        """What each kind of error costs."""
        objects = scored_objects(self.categories, self.ground_truth)
        return gains_of(self.judged, objects, self.errors_iou)
