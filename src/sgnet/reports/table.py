"""Runs of one setting as one row: mean and standard deviation over seeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sgnet.reports.runs import FIGURES, Run

TIME = "ms_per_frame"
COST = (TIME, "parameters_m")
# of scripts/diagnose.py: name, head of its column, factor
SHARP = (
    ("mask_iou", "mask IoU in true boxes", 100),
    ("mask_iou_ceiling", "its ceiling", 100),
    ("mask_iou_own_minus_other", "own minus another's scores", 100),
    ("contested_mask_iou", "mask IoU in contested boxes", 100),
    ("contested_others_claimed", "others claimed there", 100),
    ("contested_own_kept", "own kept there", 100),
    ("contested_told_apart", "told apart", 100),
    ("class_right", "class accuracy", 100),
    ("movement_error", "movement error, px", 1),
    ("id_switches", "ID switches", 1),
)


@dataclass(frozen=True)
class Row:
    """One setting.

    Attributes:
        setting: the paper's name of the row, or the overrides that differ from the other rows.
        runs: those with figures, by seed.
        missing: those without.
    """

    setting: str
    runs: tuple[Run, ...]
    missing: tuple[Run, ...]

    @property
    def paper_ap(self) -> float | None:
        """The paper's AP in percent, where it has such a row."""
        known = (run.paper_ap for run in (*self.runs, *self.missing) if run.paper_ap is not None)
        return next(known, None)

    def spread(self, figure: str) -> tuple[float, float | None] | None:
        """Mean and sample standard deviation, None of a single run; None without the figure.

        Times are those of the runs that were timed in turn, where there are such runs.
        """
        known = [run for run in self.runs if figure in run.figures]
        timed = [run for run in known if run.is_timed] if figure == TIME else []
        values = [run.figures[figure] for run in timed or known]
        if not values:
            return None
        return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None


def rows_of(runs: Sequence[Run]) -> list[Row]:
    """The rows of a table, in the order of their first run."""
    settings = list(dict.fromkeys(run.setting for run in runs))
    shared = set.intersection(*(set(s) for s in settings)) if len(settings) > 1 else set()
    rows = []
    for setting in settings:
        mine = _once_a_seed(r for r in runs if r.setting == setting)
        rows.append(
            Row(
                _name(setting, mine, shared),
                tuple(r for r in mine if r.problem is None),
                tuple(r for r in mine if r.problem is not None),
            )
        )
    return rows


def _once_a_seed(runs: Iterable[Run]) -> list[Run]:
    """By seed; a second run of a seed would make the deviation too small and gets no figures."""
    found: list[Run] = []
    by_seed: dict[int | None, Run] = {}
    for run in sorted(runs, key=lambda r: r.seed or 0):
        first = by_seed.get(run.seed)
        if run.problem is None and first is not None:
            problem = f"has the setting and seed of `{first.folder.name}`"
            found.append(replace(run, problem=problem))
            continue
        if run.problem is None:
            by_seed[run.seed] = run
        found.append(run)
    return found


def _name(setting: Sequence[str], runs: Sequence[Run], shared: Collection[str]) -> str:
    """What the paper calls the row, and overrides beyond it that not all rows have."""
    own = [o for o in setting if o not in shared]
    labels = {run.label for run in runs if run.label is not None}
    if len(labels) == 1:
        own = [*labels, *(o for o in own if not o.startswith(("ablation=", "experiment=")))]
    return " ".join(own) or "defaults"


def markdown(rows: Sequence[Row]) -> str:
    """A table, and below it the runs without figures; figures in percent."""
    sharp = [entry for entry in SHARP if any(row.spread(entry[0]) for row in rows)]
    heads = ("setting", "seeds", *FIGURES, *(head for _, head, _ in sharp))
    heads = (*heads, "ms a frame", "M parameters", "the paper's AP")
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    lines += ["| " + " | ".join(_cells(row, sharp)) + " |" for row in rows]
    missing = [run for row in rows for run in row.missing]
    if missing:
        lines += ["", "Runs without figures:", ""]
        lines += [f"- `{run.folder.name}` {run.problem}" for run in missing]
    return "\n".join(lines) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """One line a setting; means and standard deviations in columns of their own."""
    figures = (*FIGURES, *(name for name, _, _ in SHARP), *COST)
    names = [(figure, suffix) for figure in figures for suffix in ("mean", "std")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = [f"{figure}_{suffix}" for figure, suffix in names]
    writer.writerow(["setting", "runs", "missing", *heads, "paper_AP"])
    for row in rows:
        spreads = {figure: row.spread(figure) or (None, None) for figure in figures}
        values = [spreads[figure][suffix == "std"] for figure, suffix in names]
        writer.writerow([row.setting, len(row.runs), len(row.missing), *values, row.paper_ap])
    return text.getvalue()


def _cells(row: Row, sharp: Sequence[tuple[str, str, int]]) -> list[str]:
    seeds = ", ".join(str(run.seed) for run in row.runs) or "none"
    if row.missing:
        seeds += f" ({len(row.missing)} missing)"
    figures = [_spread(row.spread(figure), 100) for figure in FIGURES]
    figures += [_spread(row.spread(name), factor) for name, _, factor in sharp]
    paper = "" if row.paper_ap is None else f"{row.paper_ap:.1f}"
    costs = [_spread(row.spread(name), 1) for name in COST]
    name = f"`{row.setting}`" if "=" in row.setting else row.setting  # overrides as code
    return [name, seeds, *figures, *costs, paper]


def _spread(value: tuple[float, float | None] | None, factor: float) -> str:
    if value is None:
        return ""
    mean, deviation = value
    text = f"{factor * mean:.1f}"
    return text if deviation is None else f"{text} ± {factor * deviation:.1f}"
