"""The rows of an `ObjectTable` as a csv file, so that two systems can be compared later."""

from __future__ import annotations

import csv
import io
import math
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
    """Reads a file of `save_rows`.

    Raises:
        ValueError: the file is missing or malformed; the message names file, line and column.
    """
    lines = list(csv.reader(io.StringIO(read_text(path, "rows of objects"), newline="")))
    if not lines or tuple(lines[0]) != HEADER:
        got = ",".join(lines[0])[:80] if lines else "an empty file"
        raise ValueError(f"{path}: line 1 must be {','.join(HEADER)}, got {got}")
    keys, values = [], []
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(HEADER):
            raise ValueError(
                f"{path}: line {number} must have {len(HEADER)} columns, got {len(cells)}"
            )
        places = [f"{path}: line {number}, {name}" for name in HEADER]
        pairs = list(zip(cells, places, strict=True))
        keys.append([_whole(*pair) for pair in pairs[: len(KEYS)]])
        values.append([_number(*pair) for pair in pairs[len(KEYS) :]])
    return ObjectTable.of(keys, values)


def is_rows(path: Path) -> bool:
    """Whether a file is one of `save_rows`, by its first line."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline().rstrip("\n") == ",".join(HEADER)
    except (OSError, UnicodeDecodeError):
        return False


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
