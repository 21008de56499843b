"""The tables of an evaluation, for its page and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sgnet.evaluation.average_precision import (
    UNDEFINED,
    precision_recall,
)
from sgnet.evaluation.error_gains import ROWS, TITLES, ErrorGains
from sgnet.evaluation.intervals import FigureDifference, FigureInterval
from sgnet.evaluation.matching import IOU_THRESHOLDS, MOST_DETECTIONS
from sgnet.evaluation.scored_results import ScoredResults
from sgnet.evaluation.strata import TITLES as STRATA_TITLES
from sgnet.evaluation.strata import StratumFigures
from sgnet.evaluation.tracking_figures import NUMBERS, SHARES
from sgnet.reports.video_verdicts import Strips, VideoVerdict

HEADLINE = ("AP", "AP50", "AP75", "AR1", "AR10")
WORST = 12  # videos

Rows = tuple[Sequence[str], Sequence[Sequence[str]]]  # titles and cells


@dataclass(frozen=True)
class PageContent:
    """What a page shows.

    Attributes:
        title: name of the results file.
        scored: its figures.
        verdicts: the videos, worst first.
        strips: draws them; None leaves pictures out.
        other_title: name of the file that is compared with.
        other: its figures; None without one.
    """

    title: str
    scored: ScoredResults
    verdicts: Sequence[VideoVerdict]
    strips: Strips | None = None
    other_title: str = ""
    other: ScoredResults | None = None

    @cached_property
    def differences(self) -> Mapping[str, FigureDifference] | None:
        """Of the figures from the other file's."""
        return None if self.other is None else self.scored.minus(self.other)

    @property
    def names(self) -> dict[int, str]:
        """Category names by id."""
        return {category.id: category.name for category in self.scored.categories}


def evaluation_markdown(content: PageContent) -> str:
    """The tables of the page as Markdown, and the worst videos as lines."""
    parts = [f"# Scores of {content.title}", _markdown(*headline_table(content))]
    if content.differences is not None:
        parts += [f"## Minus {content.other_title}", _markdown(*differences_table(content))]
    parts += [
        "## Categories",
        _markdown(*categories_rows(content)),
        f"## What errors cost (AP at an IoU of {content.scored.errors.iou:g})",
        _markdown(*errors_rows(content.scored.errors)),
        "## What perfect parts would bring",
        _markdown(*ladder_rows(content.scored.ladder)),
        "## Identities",
        _markdown(*tracking_rows(content)),
        "## Parts of the objects",
        _markdown(*strata_rows(content.scored.strata)),
        "## The worst videos",
        "\n".join(
            f"- video {one.video.id}: mean overlap {100 * one.overlap:.1f}; "
            + "; ".join(verdict_lines(content, one))
            for one in content.verdicts[:WORST]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def headline_table(content: PageContent) -> Rows:
    """The metric's figures with intervals."""
    rows = []
    for name in HEADLINE:
        one = content.scored.intervals[name]
        rows.append([name, _percent(one.value), _span(one)])
    return ("figure", "value", "95 % interval"), rows


def differences_table(content: PageContent) -> Rows:
    """Differences from the other file."""
    rows = []
    for name in HEADLINE:
        one = (content.differences or {})[name]
        better = "-" if one.better is None else f"{100 * one.better:.0f} %"
        rows.append([name, _percent(one.value, "+"), _span(one, "+"), better])
    return ("figure", "difference", "95 % interval", "resamples in which it is above"), rows


def categories_rows(content: PageContent) -> Rows:
    """AP of each category that is annotated."""
    rows = []
    for name, count, value, other in by_category(content):
        cells = [name, str(count), _percent(value)]
        rows.append(cells if content.other is None else [*cells, _percent(other)])
    titles = ("category", "objects", "AP")
    return titles if content.other is None else (*titles, f"AP of {content.other_title}"), rows


def by_category(content: PageContent) -> list[tuple[str, int, float, float | None]]:
    """Name, objects, AP and AP of the other file, by falling AP."""
    names = content.names
    counts = {
        one.category_id: sum(v.num_ground_truths for v in one.by_range.get("all", ()))
        for one in content.scored.matched
    }
    others = {} if content.other is None else content.other.metrics.per_category
    rows = [
        (names[number], counts[number], stats["AP"], others.get(number, {}).get("AP"))
        for number, stats in content.scored.metrics.per_category.items()
        if stats["AP"] != UNDEFINED
    ]
    return sorted(rows, key=lambda row: -row[2])


def errors_rows(errors: ErrorGains) -> Rows:
    """What each kind of error costs."""
    rows = []
    for kind in ROWS:
        rows.append([TITLES[kind], str(errors.kinds[kind].count), _gain(errors, kind)])
        if kind == "track":
            ways = errors.ways.items()
            rows += [[f"- {way}", str(row.count), f"{100 * row.gain:+.1f}"] for way, row in ways]
    return ("error", "number", "AP gained"), rows


def _gain(errors: ErrorGains, kind: str) -> str:
    return f"{100 * errors.kinds[kind].gain:+.1f}"


def ladder_rows(ladder: Mapping[str, Mapping[str, float]]) -> Rows:
    """Figures with parts replaced by the truth."""
    rows = [[rung, *map(_percent, stats.values())] for rung, stats in ladder.items()]
    return ("replaced by the truth", *next(iter(ladder.values()))), rows


def tracking_rows(content: PageContent) -> Rows:
    """HOTA and the like, of each category and of all objects."""
    names = content.names
    figures = content.scored.tracking
    rows = [(names[number], row) for number, row in figures.per_category.items()]
    cells = [
        [name, *(f"{100 * row[s]:.1f}" for s in SHARES), *(f"{row[n]:.0f}" for n in NUMBERS)]
        for name, row in [*rows, ("all", figures.all)]
    ]
    heads = ("switches", "fragmentations", "mostly tracked", "partly tracked", "mostly lost")
    return ("category", *SHARES, *heads), cells


def strata_rows(strata: Mapping[str, Mapping[str, StratumFigures]]) -> Rows:
    """Figures of parts of the objects that are not empty."""
    rows = [
        [f"{STRATA_TITLES[kind]}: {part}", str(one.objects)]
        + [_percent(value) for value in (one.ap, one.ap50, one.ar10)]
        for kind, parts in strata.items()
        if kind != "category"  # which have a chart of their own
        for part, one in parts.items()
        if one.objects
    ]
    return ("part", "objects", "AP", "AP50", "AR10"), rows


def mean_curves(content: PageContent) -> dict[str, list[float]]:
    """Mean precision over the categories, at two thresholds and over all."""
    curves = [
        precision_recall(category.by_range["all"], MOST_DETECTIONS)[0]
        for category in content.scored.matched
        if "all" in category.by_range
    ]
    if not curves:
        return {}
    mean = np.stack(curves).mean(axis=0)  # [thresholds, 101]
    places = {round(float(value), 2): row for row, value in enumerate(IOU_THRESHOLDS)}
    return {
        "IoU 0.5": mean[places[0.5]].tolist(),
        "0.75": mean[places[0.75]].tolist(),
        "mean": mean.mean(axis=0).tolist(),
    }


def verdict_lines(content: PageContent, verdict: VideoVerdict) -> list[str]:
    """A line for each object: its entry, its overlap, and what became of it."""
    names = content.names
    lines = []
    for one in verdict.objects:
        track = content.scored.ground_truth[one.index]
        entry = "" if one.track is None else f" (results[{one.track}])"
        name = f"{names[track.category_id]}, annotation {track.id}"
        lines.append(f"{name}: {one.verdict}{entry}, best overlap {100 * one.overlap:.1f}")
    return lines


def _percent(value: float | None, sign: str = "") -> str:
    return "-" if value is None or value == UNDEFINED else f"{100 * value:{sign}.1f}"


def _span(one: FigureInterval, sign: str = "") -> str:
    return f"{_percent(one.low, sign)} to {_percent(one.high, sign)}"


def _markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(c.replace("|", r"\|") for c in row) + " |" for row in lines)
