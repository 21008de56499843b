"""Scores a results file against annotations with the YouTube-VIS metric.

    sgnet score annotations=FILE results=FILE output=FILE
    sgnet score annotations=FILE results=FILE tracking=true strata=true errors=true
    sgnet score annotations=FILE results=FILE intervals=true
    sgnet score annotations=FILE results=FILE davis=true
    sgnet score annotations=FILE results=FILE page=FILE.html images=FOLDER
    sgnet score annotations=FILE results=FILE compare=OTHER_RESULTS

Shows a table in per cent and writes {"stats": {...}, "per_category": {id: {...}}} as fractions;
`tracking`, `davis`, `strata`, `intervals`, `errors`, `ladder` and `compare` add an entry of their
name.
`page` is all of it to look at, with the worst videos.
Malformed input ends with a message on stderr, exit status 1 and no output file.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from sgnet.data.annotations.youtube_vis import YouTubeVIS, load_annotations
from sgnet.evaluation.average_precision import format_table
from sgnet.evaluation.diagnosis_table import ladder_lines
from sgnet.evaluation.error_gains import errors_table
from sgnet.evaluation.intervals import FigureInterval, intervals_table
from sgnet.evaluation.region_contour import contours_table
from sgnet.evaluation.scored_results import ScoredResults
from sgnet.evaluation.strata import strata_table
from sgnet.evaluation.track_meetings import MEETS
from sgnet.evaluation.tracking_figures import tracking_table
from sgnet.files.atomic_file import require_writable_file, write_json
from sgnet.files.checked_json import read_json
from sgnet.files.checked_values import require_integer, require_number
from sgnet.files.outputs import check_outputs
from sgnet.records import Video

FIELDS = frozenset({"stats", "per_category"})  # of an output
MORE_FIELDS = frozenset(  # on request
    {"tracking", "davis", "strata", "intervals", "errors", "ladder", "compare"}
)
MOST_RESAMPLES = 1_000_000
PAGE_SUFFIXES = (".html", ".htm")  # beside it comes a .md


@dataclass(frozen=True)
class ScoreSettings:
    """What is scored and shown.

    Attributes:
        annotations: YouTube-VIS annotation file.
        results: YouTube-VIS results file.
        output: JSON file for the figures; None only makes the table.
        page: HTML file for all figures, what errors cost and the worst videos; its tables go into a
            Markdown file beside it.
        images: folder of the videos' frames, for the page; None leaves pictures out.
        lengths: `strict` refuses tracks that are not as long as their video; `official` compares
            the frames that both sides have, as the official code does.
        tracking: HOTA, CLEAR MOT and identity figures as well.
        davis: J&F, as DAVIS scores videos, as well.
        strata: AP and recall of parts of the objects as well.
        intervals: 95 % intervals by bootstrap over videos as well.
        errors: what each kind of error costs as well.
        ladder: AP with parts of the results replaced by the truth as well.
        errors_iou: least IoU of a track that is right, for `errors`.
        compare: another results file, to subtract.
        resamples: of the bootstrap.
        seed: of its draws.
    """

    annotations: Path
    results: Path
    output: Path | None = None
    page: Path | None = None
    images: Path | None = None
    lengths: str = "strict"
    tracking: bool = False
    davis: bool = False
    strata: bool = False
    intervals: bool = False
    errors: bool = False
    ladder: bool = False
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
        if self.page is not None and self.page.suffix not in PAGE_SUFFIXES:
            raise ValueError(f"page must be a file that ends in .html or .htm, got {self.page}")
        require_number("errors_iou", self.errors_iou, MEETS, 1.0)
        require_integer("resamples", self.resamples, 2, MOST_RESAMPLES)
        require_integer("seed", self.seed, 0, 2**32 - 1)


def score(settings: ScoreSettings) -> str:
    """Scores a results file and writes the figures.

    Returns:
        The table to show.

    Raises:
        ValueError: a file is malformed, has no annotations, or an output would replace an input or
            anything but earlier figures.
        OSError: an output cannot be written.
    """
    _check_outputs(settings)
    truth = load_annotations(settings.annotations, settings.lengths == "strict")
    if not truth.has_annotations:
        raise ValueError(
            f"{settings.annotations}: annotations must be there to score against, got none"
        )
    scored = _scored(settings, settings.results, truth)
    other = None if settings.compare is None else _scored(settings, settings.compare, truth)
    content, tables = scored.metrics.as_json(), [format_table(scored.metrics, truth.categories)]
    for name, figures, table in _further(settings, scored, other):
        content[name] = figures
        tables.append(table)
    if settings.page is not None:
        _write_page(settings, settings.page, scored, other)
    if settings.output is not None:
        write_json(content, settings.output)
    return "\n\n".join(tables)


def _check_outputs(settings: ScoreSettings) -> None:
    inputs = [settings.annotations, settings.results, settings.compare, settings.images]
    if settings.output is not None:
        check_outputs([settings.output], inputs, _is_score)
        require_writable_file(settings.output)
    if settings.page is not None:
        from sgnet.reports.evaluation_page import is_page, page_files

        files = page_files(settings.page)
        check_outputs(files, [*inputs, settings.output], is_page)
        for file in files:
            require_writable_file(file)


def _further(
    settings: ScoreSettings, scored: ScoredResults, other: ScoredResults | None
) -> Iterator[tuple[str, object, str]]:
    """Name, figures and table of what is asked for beside the metric."""
    if settings.tracking:
        figures = scored.tracking
        yield "tracking", figures.as_json(), tracking_table(figures, scored.categories)
    if settings.davis:
        yield "davis", scored.contours, contours_table(scored.contours)
    if settings.strata:
        parts = {
            kind: {part: one.as_json() for part, one in row.items()}
            for kind, row in scored.strata.items()
        }
        yield "strata", parts, strata_table(scored.strata)
    if settings.intervals:
        table = intervals_table(scored.intervals, "over videos")
        yield "intervals", _as_json(scored.intervals), table
    if settings.errors:
        yield "errors", scored.errors.as_json(), errors_table(scored.errors)
    if settings.ladder:
        yield "ladder", scored.ladder, "\n".join(ladder_lines(scored.ladder))
    if other is not None:
        differences = scored.minus(other)
        table = f"minus {settings.compare}\n" + intervals_table(differences, "over videos")
        yield "compare", _as_json(differences), table


def _scored(settings: ScoreSettings, path: Path, truth: YouTubeVIS) -> ScoredResults:
    scored = ScoredResults.from_file(
        path,
        truth.videos,
        truth.categories,
        list(truth.tracks()),
        settings.lengths == "strict",
    )
    return replace(
        scored,
        resamples=settings.resamples,
        seed=settings.seed,
        errors_iou=settings.errors_iou,
    )


def _write_page(
    settings: ScoreSettings, page: Path, scored: ScoredResults, other: ScoredResults | None
) -> None:
    """Writes the page: everything, whatever else is asked for."""
    from sgnet.reports.evaluation_page import page_content, write_page

    read = None if settings.images is None else partial(_frame, settings.images)
    compared = None if settings.compare is None else str(settings.compare)
    write_page(page_content(str(settings.results), scored, compared, other, read), page)


def _frame(folder: Path, video: Video, index: int) -> NDArray[np.uint8]:
    """A frame of a video.

    Raises:
        ValueError: the annotations do not name it, or the file is not what they say.
    """
    from sgnet.data.clips.frames import read_frame

    if not video.file_names:
        raise ValueError(
            f"images={folder}: the annotations must name the frames of video {video.id} in "
            "file_names, got none; without images the page has no pictures"
        )
    return read_frame(folder / video.file_names[index], (video.height, video.width))


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
                page=_path(cfg.page),
                images=_path(cfg.images),
                lengths=str(cfg.lengths),
                tracking=cfg.tracking,
                davis=cfg.davis,
                strata=cfg.strata,
                intervals=cfg.intervals,
                errors=cfg.errors,
                ladder=cfg.ladder,
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
