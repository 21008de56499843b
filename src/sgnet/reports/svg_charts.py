"""Charts as SVG text for pages that stand alone; colours are those of the page's style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

BAR_HEIGHT, LABEL_WIDTH, BAR_WIDTH, VALUE_WIDTH = 22, 170, 300, 150
PLOT = (300, 220)  # width and height of a plot of curves
MARGIN = 36


def bar_chart(
    title: str, rows: Sequence[tuple[str, float, str]], most: float = 1.0, other: str = ""
) -> str:
    """Horizontal bars.

    Args:
        title: read aloud in place of the picture.
        rows: label, length from 0 to `most`, and the text behind the bar; a label that starts with
            a blank is a second bar of the row above.
        most: length of a whole bar.
        other: name of what the second bars show.
    """
    width = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH
    height = BAR_HEIGHT * len(rows) + 4
    parts = [
        f'<svg class="chart" role="img" viewBox="0 0 {width} {height}" '
        f'aria-label="{_text(title)}">',
        f"<title>{_text(title + (f'; thin bars: {other}' if other else ''))}</title>",
    ]
    for number, (label, value, text) in enumerate(rows):
        top = BAR_HEIGHT * number + 2
        length = BAR_WIDTH * min(max(value, 0.0) / most, 1.0) if most > 0 else 0.0
        second = label.startswith(" ")
        kind, thickness = ("second", BAR_HEIGHT - 12) if second else ("first", BAR_HEIGHT - 6)
        baseline = top + 14
        parts.append(
            f'<text class="label" x="{LABEL_WIDTH - 8}" y="{baseline}">'
            f"{_text(label.strip())}</text>"
            f'<rect class="{kind}" x="{LABEL_WIDTH}" y="{top + (6 if second else 3) - 2}" '
            f'width="{length:.1f}" height="{thickness}"/>'
            f'<text x="{LABEL_WIDTH + length + 6:.1f}" y="{baseline}">{_text(text)}</text>'
        )
    return "".join([*parts, "</svg>"])


def curve_chart(title: str, curves: Mapping[str, Sequence[float]]) -> str:
    """Curves over 0 to 1 on both axes, each named at its left end.

    Args:
        title: read aloud in place of the picture.
        curves: by name, values at evenly spaced places from 0 to 1.
    """
    width, height = PLOT
    parts = [
        f'<svg class="chart curves" role="img" viewBox="0 0 {width + 2 * MARGIN + 70} '
        f'{height + 2 * MARGIN}" aria-label="{_text(title)}">',
        f"<title>{_text(title)}</title>",
        f'<rect class="frame" x="{MARGIN}" y="{MARGIN // 2}" width="{width}" height="{height}"/>',
    ]
    for tick in (0, 0.5, 1):
        x, y = MARGIN + width * tick, MARGIN // 2 + height * (1 - tick)
        parts.append(
            f'<text class="tick" x="{x:.0f}" y="{MARGIN // 2 + height + 16}">{tick:g}</text>'
            f'<text class="label" x="{MARGIN - 6}" y="{y + 4:.0f}">{tick:g}</text>'
        )
    parts.append(
        f'<text class="tick" x="{MARGIN + width / 2:.0f}" y="{MARGIN // 2 + height + 32}">'
        "recall</text>"
    )
    for number, (name, values) in enumerate(curves.items()):
        xs = MARGIN + width * np.linspace(0, 1, len(values))
        ys = MARGIN // 2 + height * (1 - np.asarray(values, dtype=np.float64))
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        place = MARGIN // 2 + 16 + 18 * number
        right = MARGIN + width + 10
        parts.append(
            f'<polyline class="curve c{number}" points="{points}"/>'
            f'<line class="curve c{number}" x1="{right}" x2="{right + 14}" y1="{place - 4}" '
            f'y2="{place - 4}"/><text x="{right + 18}" y="{place}">{_text(name)}</text>'
        )
    return "".join([*parts, "</svg>"])


def _text(value: str) -> str:
    return escape(value, quote=True)
