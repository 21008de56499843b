"""A sweep as a table with means and deviations over seeds, or two runs compared.

sgnet report runs=runs/table3-shapes_small output=docs/reports/table3
sgnet report runs=runs/table3-shapes_small reference="6 divisions"
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
from sgnet.reports.row_differences import differences_markdown, row_differences
from sgnet.reports.runs import find_all_runs
from sgnet.reports.table import as_csv, markdown, rows_of

SUFFIXES = (".csv", ".md", ".png")


def run(cfg: DictConfig) -> None:
    """Prints, and writes where a place is given."""
    if cfg.other is not None:
        first, second = Path(cfg.runs), Path(cfg.other)
        sys.stdout.write(as_markdown(differences(first, second), first, second))
        return
    files = [] if cfg.output is None else [f"{cfg.output}{suffix}" for suffix in SUFFIXES]
    ours = bool(files) and _is_table(Path(files[0]))
    check_outputs(files, [], lambda _: ours)
    for file in files:
        require_writable_file(file)
    rows = rows_of(find_all_runs(_folders(cfg)))
    table = markdown(rows)
    if cfg.reference is not None:
        compared = row_differences(rows, cfg.reference)
        table += "\n" + differences_markdown(compared, cfg.reference)
    sys.stdout.write(table)
    if not files:
        return
    for file, text in zip(files, (as_csv(rows), table), strict=False):  # the first marks the others
        with atomic_path(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    plot_rows(rows, Path(files[-1]))


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
