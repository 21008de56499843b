"""Plots of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sgnet.reports.table import Row


def plot_rows(rows: Sequence[Row], output: Path) -> None:
    """AP against time a frame with deviations, and the AP of each run over its steps.

    Args:
        rows: of a table; those without figures are left out.
        output: PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    costs, curves = figure.subplots(1, 2)
    for number, row in enumerate(rows):
        color = f"C{number % 10}"
        score, cost = row.spread("AP"), row.spread("ms_per_frame")
        if score is not None and cost is not None:
            costs.errorbar(
                cost[0],
                100 * score[0],
                xerr=cost[1],
                yerr=None if score[1] is None else 100 * score[1],
                fmt="o",
                color=color,
                capsize=3,
                label=row.setting,
            )
        for run in (*row.runs, *row.missing):
            steps = [step for step, _ in run.curve]
            curves.plot(steps, [100 * ap for _, ap in run.curve], ".-", color=color, linewidth=1)
    costs.set(title="AP against time", xlabel="ms a frame in validation", ylabel="AP")
    curves.set(title="AP of each run", xlabel="step", ylabel="AP")
    for axes in (costs, curves):
        axes.grid(alpha=0.3)
    if costs.get_legend_handles_labels()[0]:
        costs.legend(fontsize=8)
    figure.savefig(output, dpi=120)
