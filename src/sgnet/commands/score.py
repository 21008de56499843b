"""Scores a results file against annotations with the YouTube-VIS metric.

    sgnet score annotations=FILE results=FILE output=FILE
    sgnet score annotations=FILE results=FILE tracking=true

Shows a table in per cent and writes {"stats": {...}, "per_category": {id: {...}}} as fractions,
with `tracking` also {"tracking": {"all": {...}, "category_mean": {...}, "per_category": {...}}}.
Malformed input ends with a message on stderr, exit status 1 and no output file.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TextIO

from omegaconf import DictConfig

from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.evaluation.average_precision import evaluate, format_table
from sgnet.evaluation.results import load_results
from sgnet.evaluation.tracking_figures import evaluate_tracking, tracking_table
from sgnet.files.atomic_file import require_writable_file, write_json
from sgnet.files.outputs import check_outputs, has_fields

FIELDS = ("stats", "per_category")  # of an output
TRACKING = "tracking"  # a further one, where it is asked for


def score(
    annotations: Path,
    results: Path,
    output: Path | None,
    lengths: str = "strict",
    tracking: bool = False,
) -> str:
    """Scores a results file and writes the figures.

    Args:
        annotations: YouTube-VIS annotation file.
        results: YouTube-VIS results file.
        output: JSON file for the figures; None only makes the table.
        lengths: `strict` refuses tracks that are not as long as their video; `official` compares
            the frames that both sides have, as the official code does.
        tracking: HOTA, CLEAR MOT and identity figures as well.

    Returns:
        The table to show.

    Raises:
        ValueError: a file is malformed, has no annotations, or the output would replace an input
            or anything but earlier figures.
        OSError: the output cannot be written.
    """
    if output is not None:
        check_outputs([output], [annotations, results], _is_score)
    if lengths not in ("strict", "official"):
        raise ValueError(f"lengths must be 'strict' or 'official', got {lengths!r}")
    if output is not None:
        require_writable_file(output)
    check = lengths == "strict"
    truth = load_annotations(annotations, check)
    if not truth.has_annotations:
        raise ValueError(f"{annotations}: annotations must be there to score against, got none")
    tracks = load_results(results, truth.videos, truth.categories, check)
    scored = (truth.videos, truth.categories, list(truth.tracks()), tracks)
    metrics = evaluate(*scored)
    content, table = metrics.as_json(), format_table(metrics, truth.categories)
    if tracking:
        figures = evaluate_tracking(*scored)
        content[TRACKING] = figures.as_json()
        table += "\n\n" + tracking_table(figures, truth.categories)
    if output is not None:
        write_json(content, output)
    return table


def _is_score(path: Path) -> bool:
    return has_fields(path, FIELDS) or has_fields(path, (*FIELDS, TRACKING))


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
    output = None if cfg.output is None else Path(str(cfg.output))
    try:
        table = score(
            Path(str(cfg.annotations)),
            Path(str(cfg.results)),
            output,
            str(cfg.lengths),
            cfg.tracking,
        )
    except (ValueError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    sys.stdout.write(table + "\n")
