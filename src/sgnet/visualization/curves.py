"""Training curves from the CSV log."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from sgnet.files.atomic_file import atomic_path

LOSS_COLUMNS = (
    "train/loss",
    "train/classification",
    "train/centerness",
    "train/box",
    "train/mask",
    "train/movement",
)
SCORE_COLUMNS = ("val/AP", "val/AP50", "val/AP75", "val/AR1", "val/AR10")


def plot_training_curves(logs: Sequence[Path], output: Path) -> None:
    """Draws the loss terms and the validation scores over the steps.

    Args:
        logs: written by Lightning's CSVLogger, one for each part of a resumed run.
        output: PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows: list[dict[str, str]] = []
    for log in logs:
        with log.open(newline="", encoding="utf-8-sig") as file:
            rows += csv.DictReader(file)
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    losses, scores = figure.subplots(1, 2)
    for column in LOSS_COLUMNS:
        steps, values = _series(rows, column)
        losses.plot(steps, values, label=column.removeprefix("train/"), linewidth=1.2)
    losses.set(title="training loss terms (SG-Net Eq. 6)", xlabel="step", yscale="log")
    for column in SCORE_COLUMNS:
        steps, values = _series(rows, column)
        scores.plot(steps, values, marker="o", label=column.removeprefix("val/"))
    scores.set(title="validation, whole videos", xlabel="step", ylim=(0, 1))
    for axes in (losses, scores):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    with atomic_path(output) as temporary:
        figure.savefig(temporary, dpi=120, format="png")


def _series(rows: list[dict[str, str]], column: str) -> tuple[list[int], list[float]]:
    """Steps and values of the rows in which a column is filled."""
    filled = [row for row in rows if row.get(column)]
    return [int(row["step"]) for row in filled], [float(row[column]) for row in filled]
