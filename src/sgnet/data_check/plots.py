"""A picture of what a data set holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sgnet.data_check.figures import Figures
from sgnet.files.atomic_file import atomic_path

CATEGORIES = 24  # the largest ones are drawn
INK, BAR, LINE = "0.25", "#4c78a8", "#e45756"
LONGEST_NAME = 18


def plot_figures(figures: Figures, output: Path) -> None:
    """Draws lengths, objects per frame, box sizes, motion, frame sizes and categories.

    Args:
        figures: of a data set; distributions without values stay empty panels.
        output: PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 8), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 4)
    panels = [figure.add_subplot(grid[i // 3, i % 3]) for i in range(6)]
    lengths, objects, sizes, boxes, motions, shares = panels
    _whole_numbers(lengths, figures.lengths, "Video lengths", "frames of a video", "videos")
    _whole_numbers(
        objects, figures.objects_per_frame, "Objects per frame", "objects of a frame", "frames"
    )
    _frame_sizes(sizes, figures)
    percent = [100 * share for share in figures.box_shares]
    _logarithmic(boxes, percent, "Box sizes", "share of the frame, %", "objects")
    _logarithmic(
        motions,
        figures.motions,
        "Motion in pixels",
        "pixels a frame, 0 leftmost",
        "steps",
    )
    ways = [100 * share for share in figures.motion_shares]
    _logarithmic(shares, ways, "Motion as a share", "share of the diagonal, %, 0 leftmost", "steps")
    _categories(figure.add_subplot(grid[:, 3]), figures)
    with atomic_path(output) as temporary:
        figure.savefig(temporary, dpi=110, format="png")


def _whole_numbers(axes: Any, values: Sequence[int], title: str, label: str, what: str) -> None:  # noqa: ANN401 - matplotlib's
    """A bar for each number, or for a range of them where they are many."""
    if values:
        low, high = min(values), max(values)
        step = max(1, -(-(high - low + 1) // 40))
        edges = np.arange(low, high + 2 * step, step) - 0.5
        axes.hist(values, bins=edges, color=BAR, rwidth=0.9)
        axes.xaxis.get_major_locator().set_params(integer=True)
        middle = (low + high) / 2
        reach = max(2.5, (high - low) / 2 + step)
        axes.set_xlim(max(middle - reach, -0.6), middle + reach)
        title = _with_median(axes, values, title, "{:g}")
    _finish(axes, values, title, label, what)


def _logarithmic(axes: Any, values: Sequence[float], title: str, label: str, what: str) -> None:  # noqa: ANN401 - matplotlib's
    """A histogram over equal ratios; what is (nearly) 0 goes into the first bar."""
    if values:
        high = max(values)
        low = max(min(values), high / 1e3, 1e-9)
        edges = np.geomspace(low, max(high, 1.01 * low), 31)
        axes.hist(np.clip(values, edges[0], edges[-1]), bins=edges, color=BAR, rwidth=0.9)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        title = _with_median(axes, values, title, "{:.3g}")
    _finish(axes, values, title, label, what)


def _with_median(axes: Any, values: Sequence[float], title: str, form: str) -> str:  # noqa: ANN401 - matplotlib's
    """Draws a line at the median and adds it to the title."""
    median = float(np.median(values))
    axes.axvline(median, color=LINE, linewidth=1.2)
    return f"{title}, median {form.format(median)}"


def _frame_sizes(axes: Any, figures: Figures) -> None:  # noqa: ANN401 - matplotlib's
    """A disc for each size, its area the share of videos."""
    sizes = figures.frame_sizes
    if sizes:
        most = max(sizes.values())
        widths, heights = zip(*sizes, strict=True)
        areas = [20 + 380 * count / most for count in sizes.values()]
        axes.scatter(widths, heights, s=areas, color=BAR, alpha=0.6)
        (width, height), count = sizes.most_common(1)[0]
        axes.annotate(
            f"{width}x{height}: {count} of {sizes.total()}",
            (width, height),
            fontsize=8,
            color=INK,
            xytext=(0, 14),
            textcoords="offset points",
            ha="center",
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
        )
        axes.set(xlim=(0, 1.25 * max(widths)), ylim=(0, 1.25 * max(heights)))
    _finish(axes, list(sizes), "Frame sizes", "width, pixels", "height, pixels")


def _categories(axes: Any, figures: Figures) -> None:  # noqa: ANN401 - matplotlib's
    """Tracks and videos of the largest categories, largest on top."""
    rows = sorted(figures.categories.values(), key=lambda c: -c.tracks)
    shown = rows[:CATEGORIES]
    places = np.arange(len(shown))
    axes.barh(places - 0.2, [c.tracks for c in shown], 0.4, color=BAR, label="tracks")
    axes.barh(places + 0.2, [c.videos for c in shown], 0.4, color="#9ecae9", label="videos")
    axes.set_yticks(places, [_short(c.name) for c in shown], fontsize=8)
    axes.set_ylim(max(len(shown), 8) - 0.5, -0.5)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    title = "Categories"
    if len(rows) > len(shown):
        title += f", the largest {len(shown)} of {len(rows)}"
    _finish(axes, shown, title, "", "")
    axes.grid(axis="y", visible=False)


def _finish(axes: Any, values: Sequence[object], title: str, label: str, what: str) -> None:  # noqa: ANN401 - matplotlib's
    if not values:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color=INK)
        axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(label, fontsize=9)
    axes.set_ylabel(what, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
