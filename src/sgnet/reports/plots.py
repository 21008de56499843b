"""Plots of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sgnet.files.atomic_file import atomic_path
from sgnet.reports.table import Row

LONGEST_NAME = 34


def plot_rows(rows: Sequence[Row], output: Path) -> None:
    """AP of each seed beside the paper's, against time, and by step where a run has several.

    Args:
        rows: of a table; those without figures are left out.
        output: PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    has_curves = any(len(run.curve) > 1 for row in rows for run in (*row.runs, *row.missing))
    plots = (_plot_seeds, _plot_costs, *((_plot_curves,) if has_curves else ()))
    figure = Figure(figsize=(5 * len(plots), 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, plot in zip(figure.subplots(1, len(plots)), plots, strict=True):
        plot(axes, rows)
        axes.grid(alpha=0.3)
    with atomic_path(output) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _plot_seeds(axes: Any, rows: Sequence[Row]) -> None:  # noqa: ANN401 - matplotlib's
    """A dot a seed, a bar at the mean; the paper's figures on an axis of their own."""
    papers = []
    for number, row in enumerate(rows):
        values = [100 * run.figures["AP"] for run in row.runs if "AP" in run.figures]
        axes.plot([number] * len(values), values, "o", color=_color(number), alpha=0.8)
        score = row.spread("AP")
        if score is not None:
            axes.hlines(100 * score[0], number - 0.25, number + 0.25, color=_color(number))
        paper = row.paper_ap
        if paper is not None:
            papers.append((number, paper))
    names = [_short(row.setting) for row in rows]
    axes.set_xticks(range(len(rows)), names, rotation=20, ha="right", fontsize=8)
    axes.set(title="AP of each seed and mean", ylabel="AP")
    if papers:
        other = axes.twinx()
        other.plot(*zip(*papers, strict=True), "x--", color="0.5", linewidth=0.8)
        other.set_ylabel("x: the paper's AP, YouTube-VIS 2019", color="0.4")


def _plot_costs(axes: Any, rows: Sequence[Row]) -> None:  # noqa: ANN401 - matplotlib's
    for number, row in enumerate(rows):
        score, cost = row.spread("AP"), row.spread("ms_per_frame")
        if score is not None and cost is not None:
            axes.errorbar(
                cost[0],
                100 * score[0],
                xerr=cost[1],
                yerr=None if score[1] is None else 100 * score[1],
                fmt="o",
                color=_color(number),
                capsize=3,
                label=_short(row.setting),
            )
    axes.set(title="AP against time", xlabel="ms a frame", ylabel="AP")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def _plot_curves(axes: Any, rows: Sequence[Row]) -> None:  # noqa: ANN401 - matplotlib's
    for number, row in enumerate(rows):
        for run in (*row.runs, *row.missing):
            steps = [step for step, _ in run.curve]
            heights = [100 * ap for _, ap in run.curve]
            axes.plot(steps, heights, ".-", color=_color(number), linewidth=1)
    axes.set(title="AP of each run", xlabel="step", ylabel="AP")


def _color(number: int) -> str:
    return f"C{number % 10}"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
