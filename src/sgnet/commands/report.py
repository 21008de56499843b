"""A sweep as a table with means and deviations over seeds, or two runs compared.

sgnet report runs=runs/table3-shapes_small output=docs/reports/table3
sgnet report runs=runs/a other=runs/b
"""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from sgnet.files.atomic_file import atomic_path, require_writable_file
from sgnet.files.outputs import check_outputs
from sgnet.files.text_file import read_text
from sgnet.reports.differences import as_markdown, differences
from sgnet.reports.plots import plot_rows
from sgnet.reports.runs import find_all_runs
from sgnet.reports.table import as_csv, markdown, rows_of

SUFFIXES = (".csv", ".md", ".png")


def run(cfg: DictConfig) -> None:
    """Prints, and writes where a place is given."""
    if cfg.other is not None:
        first, second = Path(cfg.runs), Path(cfg.other)
        sys.stdout.write(as_markdown(differences(first, second), first, second))
        return
    rows = rows_of(find_all_runs(_folders(cfg)))
    table = markdown(rows)
    sys.stdout.write(table)
    if cfg.output is None:
        return
    output = Path(str(cfg.output))
    ours = _is_table(Path(f"{output}.csv"))
    check_outputs([f"{output}{suffix}" for suffix in SUFFIXES], [], lambda _: ours)
    for suffix in SUFFIXES:
        require_writable_file(f"{output}{suffix}")
    for suffix, text in ((".csv", as_csv(rows)), (".md", table)):  # the first marks the others
        with atomic_path(f"{output}{suffix}") as temporary:
            temporary.write_text(text, encoding="utf-8")
    plot_rows(rows, Path(f"{output}.png"))


def _is_table(path: Path) -> bool:
    """Whether a file is the table of an earlier report."""
    first = as_csv([]).splitlines()[0].split(",")[:3]
    try:
        return read_text(path).startswith(",".join(first))
    except ValueError:
        return False


def _folders(cfg: DictConfig) -> str | list[str]:
    if isinstance(cfg.runs, str):
        return cfg.runs
    return [str(folder) for folder in cfg.runs]
