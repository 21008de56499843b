"""The rows of an `ObjectTable` as a csv file, so that two systems can be compared later."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from sgnet.evaluation.object_figures import FIGURES, KEYS, ObjectTable
from sgnet.files.atomic_file import atomic_path
from sgnet.files.text_file import read_text

HEADER = (*KEYS, *FIGURES)
DIGITS = 5  # behind the point; enough for means that are quoted to two of a per cent


def save_rows(table: ObjectTable, path: str | Path) -> None:
    """Writes a line for each object, rounded, atomically; what is not defined stays empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for keys, values in zip(table.keys.tolist(), table.values.tolist(), strict=True):
        shown = ("" if math.isnan(value) else repr(round(value, DIGITS)) for value in values)
        writer.writerow([*keys, *shown])
    with atomic_path(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def load_rows(path: str | Path) -> ObjectTable:
    """Reads a file of `save_rows`; figures that an earlier version did not write are NaN.

    Raises:
        ValueError: the file is missing or malformed; the message names file, line and column.
    """
    lines = list(csv.reader(io.StringIO(read_text(path, "rows of objects"), newline="")))
    if not lines or not _is_header(lines[0]):
        got = ",".join(lines[0])[:80] if lines else "an empty file"
        raise ValueError(f"{path}: line 1 must be {','.join(HEADER)}, got {got}")
    header = lines[0]
    keys, values = [], []
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(header):
            raise ValueError(
                f"{path}: line {number} must have {len(header)} columns, got {len(cells)}"
            )
        places = [f"{path}: line {number}, {name}" for name in header]
        pairs = dict(zip(header, zip(cells, places, strict=True), strict=True))
        keys.append([_whole(*pairs[name]) for name in KEYS])
        values.append([_number(*pairs.get(name, ("", ""))) for name in FIGURES])
    return ObjectTable.of(keys, values)


def is_rows(path: Path) -> bool:
    """Whether a file is one of `save_rows`, by its first line."""
    try:
        with path.open(encoding="utf-8") as file:
            return _is_header(file.readline().rstrip("\n").split(","))
    except (OSError, UnicodeDecodeError):
        return False


def _is_header(names: Sequence[str]) -> bool:
    """Whether these are the columns of today's files, or of earlier ones with fewer figures."""
    figures = names[len(KEYS) :]
    known = [name for name in FIGURES if name in figures]
    return tuple(names[: len(KEYS)]) == KEYS and figures == known and "mask_iou" in known


def _whole(cell: str, place: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) < 19):  # below 2**63
        raise ValueError(f"{place} must be a whole number, got {cell[:80]!r}")
    return int(cell)


def _number(cell: str, place: str) -> float:
    if not cell:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{place} must be a finite number or empty, got {cell[:80]!r}")
    return value
