"""Scores a results file against annotations with the YouTube-VIS metric.

    sgnet score annotations=FILE results=FILE output=FILE
    sgnet score annotations=FILE results=FILE tracking=true strata=true errors=true
    sgnet score annotations=FILE results=FILE intervals=true
    sgnet score annotations=FILE results=FILE davis=true
    sgnet score annotations=FILE results=FILE compare=OTHER_RESULTS

Shows a table in per cent and writes {"stats": {...}, "per_category": {id: {...}}} as fractions;
`tracking`, `davis`, `strata`, `intervals`, `errors` and `compare` add an entry of their name.
Malformed input ends with a message on stderr, exit status 1 and no output file.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from omegaconf import DictConfig

from sgnet.data.annotations.youtube_vis import YouTubeVIS, load_annotations
from sgnet.evaluation.average_precision import (
    format_table,
    match_categories,
    match_category,
    metrics_of,
)
from sgnet.evaluation.error_gains import errors_table, evaluate_errors
from sgnet.evaluation.intervals import (
    FigureInterval,
    figure_differences,
    figure_intervals,
    intervals_table,
)
from sgnet.evaluation.matching import measure_categories
from sgnet.evaluation.region_contour import contours_table, evaluate_contours
from sgnet.evaluation.results import load_results
from sgnet.evaluation.strata import evaluate_strata, strata_table
from sgnet.evaluation.track_meetings import MEETS
from sgnet.evaluation.tracking_figures import evaluate_tracking, tracking_table
from sgnet.files.atomic_file import require_writable_file, write_json
from sgnet.files.checked_json import read_json
from sgnet.files.checked_values import require_integer, require_number
from sgnet.files.outputs import check_outputs
from sgnet.records import ResultTrack

FIELDS = frozenset({"stats", "per_category"})  # of an output
MORE_FIELDS = frozenset(  # on request
    {"tracking", "davis", "strata", "intervals", "errors", "compare"}
)
MOST_RESAMPLES = 1_000_000


@dataclass(frozen=True)
class ScoreSettings:
    """What is scored and shown.

    Attributes:
        annotations: YouTube-VIS annotation file.
        results: YouTube-VIS results file.
        output: JSON file for the figures; None only makes the table.
        lengths: `strict` refuses tracks that are not as long as their video; `official` compares
            the frames that both sides have, as the official code does.
        tracking: HOTA, CLEAR MOT and identity figures as well.
        davis: J&F, as DAVIS scores videos, as well.
        strata: AP and recall of parts of the objects as well.
        intervals: 95 % intervals by bootstrap over videos as well.
        errors: what each kind of error costs as well.
        errors_iou: least IoU of a track that is right, for `errors`.
        compare: another results file, to subtract.
        resamples: of the bootstrap.
        seed: of its draws.
    """

    annotations: Path
    results: Path
    output: Path | None = None
    lengths: str = "strict"
    tracking: bool = False
    davis: bool = False
    strata: bool = False
    intervals: bool = False
    errors: bool = False
    errors_iou: float = 0.5
    compare: Path | None = None
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        """Checks the settings.

        Raises:
            ValueError: one is out of its limits.
        """
        if self.lengths not in ("strict", "official"):
            raise ValueError(f"lengths must be 'strict' or 'official', got {self.lengths!r}")
        require_number("errors_iou", self.errors_iou, MEETS, 1.0)
        require_integer("resamples", self.resamples, 2, MOST_RESAMPLES)
        require_integer("seed", self.seed, 0, 2**32 - 1)


def score(settings: ScoreSettings) -> str:
    """Scores a results file and writes the figures.

    Returns:
        The table to show.

    Raises:
        ValueError: a file is malformed, has no annotations, or the output would replace an input
            or anything but earlier figures.
        OSError: the output cannot be written.
    """
    if settings.output is not None:
        inputs = [settings.annotations, settings.results, settings.compare]
        check_outputs([settings.output], inputs, _is_score)
        require_writable_file(settings.output)
    truth = load_annotations(settings.annotations, settings.lengths == "strict")
    if not truth.has_annotations:
        raise ValueError(
            f"{settings.annotations}: annotations must be there to score against, got none"
        )
    tracks = _load(settings, settings.results, truth)
    others = None if settings.compare is None else _load(settings, settings.compare, truth)
    annotated = list(truth.tracks())
    scored = (truth.videos, truth.categories, annotated, tracks)
    measured = measure_categories(*scored)
    matched = [match_category(category) for category in measured]
    metrics = metrics_of(matched)
    content, tables = metrics.as_json(), [format_table(metrics, truth.categories)]
    if settings.tracking:
        figures = evaluate_tracking(*scored)
        content["tracking"] = figures.as_json()
        tables.append(tracking_table(figures, truth.categories))
    if settings.davis:
        contours = evaluate_contours(truth.videos, annotated, tracks)
        content["davis"] = contours
        tables.append(contours_table(contours))
    if settings.strata:
        strata = evaluate_strata(measured, annotated, tracks)
        content["strata"] = {
            kind: {part: figures.as_json() for part, figures in parts.items()}
            for kind, parts in strata.items()
        }
        tables.append(strata_table(strata))
    drawn = ([video.id for video in truth.videos], settings.resamples, settings.seed)
    if settings.intervals:
        intervals = figure_intervals(matched, *drawn)
        content["intervals"] = _as_json(intervals)
        tables.append(intervals_table(intervals, "over videos"))
    if settings.errors:
        gains = evaluate_errors(
            truth.videos, truth.categories, annotated, tracks, settings.errors_iou
        )
        content["errors"] = gains.as_json()
        tables.append(errors_table(gains))
    if others is not None:
        theirs = match_categories(truth.videos, truth.categories, annotated, others)
        differences = figure_differences(matched, theirs, *drawn)
        content["compare"] = _as_json(differences)
        tables.append(f"minus {settings.compare}\n" + intervals_table(differences, "over videos"))
    if settings.output is not None:
        write_json(content, settings.output)
    return "\n\n".join(tables)


def _load(settings: ScoreSettings, path: Path, truth: YouTubeVIS) -> list[ResultTrack]:
    return load_results(path, truth.videos, truth.categories, settings.lengths == "strict")


def _as_json(figures: Mapping[str, FigureInterval]) -> dict[str, object]:
    return {name: asdict(figure) for name, figure in figures.items()}


def _is_score(path: Path) -> bool:
    """Whether a file is an earlier output."""
    try:
        content = read_json(path)
    except ValueError:
        return False
    return isinstance(content, dict) and FIELDS <= set(content) <= FIELDS | MORE_FIELDS


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Writes a warning as one line to stderr; takes the place of `warnings.showwarning`."""
    sys.stderr.write(f"warning: {message}\n")


def run(cfg: DictConfig) -> None:
    """Scores and shows the table.

    Raises:
        SystemExit: 1 with a message where a file is malformed.
    """
    warnings.showwarning = show_warning
    try:
        table = score(
            ScoreSettings(
                annotations=Path(str(cfg.annotations)),
                results=Path(str(cfg.results)),
                output=_path(cfg.output),
                lengths=str(cfg.lengths),
                tracking=cfg.tracking,
                davis=cfg.davis,
                strata=cfg.strata,
                intervals=cfg.intervals,
                errors=cfg.errors,
                errors_iou=cfg.errors_iou,
                compare=_path(cfg.compare),
                resamples=cfg.resamples,
                seed=cfg.seed,
            )
        )
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    sys.stdout.write(table + "\n")


def _path(value: object) -> Path | None:
    return None if value is None else Path(str(value))
