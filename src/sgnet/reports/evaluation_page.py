"""One results file as a page that stands alone: figures, what errors cost, the worst videos."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.average_precision import UNDEFINED
from sgnet.evaluation.error_gains import ROWS, ErrorGains
from sgnet.evaluation.scored_results import ScoredResults
from sgnet.evaluation.track_errors import WAYS
from sgnet.files.atomic_file import atomic_path
from sgnet.files.text_file import read_text
from sgnet.records import Video
from sgnet.reports.evaluation_tables import (
    WORST,
    PageContent,
    by_category,
    differences_table,
    evaluation_markdown,
    headline_table,
    mean_curves,
    strata_rows,
    tracking_rows,
    verdict_lines,
)
from sgnet.reports.svg_charts import bar_chart, curve_chart
from sgnet.reports.video_verdicts import FOUND, Strips, VideoVerdict, video_verdicts

JPEG_QUALITY = 80
START = '<!doctype html><html lang="en">'
LONGEST_START = 1000
STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--paper:#fff;--line:#d0d7de;
--first:#0072b2;--second:#e69f00;--third:#009e73}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b3;--paper:#0d1117;
--line:#30363d;--first:#56b4e9;--second:#e69f00;--third:#4cc38a}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
margin:0 auto;max-width:62rem;padding:1rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin-top:2.2rem}
h3{font-size:1rem}
p{max-width:44rem}
.note{color:var(--soft);font-size:.9rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
.chart{width:100%;max-width:40rem;height:auto;font:13px system-ui,sans-serif}
.curves{max-width:28rem}
.wide .chart{min-width:26rem}
.chart text{fill:var(--ink)}
.chart .label{text-anchor:end}
.chart .tick{text-anchor:middle}
.chart .first{fill:var(--first)}
.chart .second{fill:var(--second)}
.chart .frame{fill:none;stroke:var(--line)}
.chart .curve{fill:none;stroke-width:2;stroke:var(--first)}
.chart .c1{stroke:var(--second)}
.chart .c2{stroke:var(--third)}
.video{border-top:1px solid var(--line);padding-top:.6rem}
.video img{width:100%;height:auto;display:block}
li.bad{font-weight:600}
a{color:var(--first)}
a:focus-visible,.wide:focus-visible{outline:3px solid var(--second)}
"""

UInt8Array = NDArray[np.uint8]


def evaluation_page(content: PageContent) -> str:
    """The page as HTML; it asks nothing from the network and needs no script."""
    title = escape(f"Scores of {content.title}")
    body = [
        f"<h1>{title}</h1>",
        _table(*headline_table(content)),
        '<p class="note">In per cent. Intervals of 95 % by bootstrap over videos: how far figures '
        "would move on other videos like these.</p>",
    ]
    if content.differences is not None:
        body += [
            f"<h2>Minus {escape(content.other_title)}</h2>",
            _table(*differences_table(content)),
        ]
    body += [
        "<h2>Categories</h2>",
        _wide(_categories_chart(content)),
        *_legend(content),
        "<h2>What errors cost</h2>",
        _wide(_errors_chart(content.scored.errors)),
        f'<p class="note">AP at an IoU of {content.scored.errors.iou:g} gained if no track had '
        "the error, one kind at a time; behind it the number of tracks, or of missed objects. "
        "Errors of tracks: broken, the object goes on without it; switched, it leaves it for "
        "another; merged, it takes in others; overlong, it goes on where nothing is.</p>",
        "<h2>What perfect parts would bring</h2>",
        _wide(_ladder_chart(content.scored.ladder)),
        '<p class="note">AP, and AP50 behind it, if what finds an object took its identity over '
        "the video, its class or its mask from the truth; the rest to 100 is what no track of "
        "the file finds in any frame.</p>",
        "<h2>Identities</h2>",
        _table(*tracking_rows(content)),
        '<p class="note">Every track of the file counts here, however low its score.</p>',
        "<h2>Parts of the objects</h2>",
        _table(*strata_rows(content.scored.strata)),
        "<h2>Precision and recall</h2>",
        _wide(curve_chart("Precision over recall, mean of categories", mean_curves(content))),
        "<h2>The worst videos</h2>",
        '<p class="note">By the mean over a video\'s objects of the best IoU that a track of their '
        "class has with them. Above what is annotated, below what was found: an object and the "
        "track that belongs to it have one colour and number.</p>",
        *(_video(content, verdict) for verdict in content.verdicts[:WORST]),
    ]
    return (
        f'{START}<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>"
        + "\n".join(body)
        + "</main></body></html>\n"
    )


def _categories_chart(content: PageContent) -> str:
    rows = []
    for name, count, value, other in by_category(content):
        rows.append((name, value, f"{100 * value:.1f} ({count} objects)"))
        if other is not None:
            rows.append((" ", other, f"{100 * other:.1f}"))
    if not rows:
        return "<p>No object is annotated.</p>"
    return bar_chart("AP of the categories in per cent", rows, other=content.other_title)


def _errors_chart(errors: ErrorGains) -> str:
    most = max([row.gain for row in errors.kinds.values()] + [0.01])
    rows = []
    for kind in ROWS:
        row = errors.kinds[kind]
        rows.append((kind, row.gain, f"{100 * row.gain:+.1f} ({row.count})"))
        if kind == "track":
            rows += [
                (f"{kind}: {way}", errors.ways[way].gain,
                 f"{100 * errors.ways[way].gain:+.1f} ({errors.ways[way].count})")
                for way in WAYS
                if errors.ways[way].count
            ]  # fmt: skip
    return bar_chart("AP gained if no track had an error of a kind", rows, most)


def _ladder_chart(ladder: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        (rung, stats["AP"], f"{100 * stats['AP']:.1f} ({100 * stats['AP50']:.1f})")
        for rung, stats in ladder.items()
        if stats["AP"] != UNDEFINED
    ]
    if not rows:
        return "<p>No object is annotated.</p>"
    return bar_chart("AP in per cent with parts replaced by the truth", rows)


def _video(content: PageContent, verdict: VideoVerdict) -> str:
    number = verdict.video.id
    lines = "".join(
        f"<li{'' if one.verdict == FOUND else ' class=bad'}>{escape(text)}</li>"
        for one, text in zip(verdict.objects, verdict_lines(content, verdict), strict=True)
    )
    picture = ""
    if content.strips is not None:
        unfound = sum(one.verdict != FOUND for one in verdict.objects)
        alt = (
            f"Frames of video {number}, annotated above and found below; {unfound} of "
            f"{len(verdict.objects)} objects are not found right"
        )
        data = base64.b64encode(_jpeg(content.strips.strip(verdict))).decode("ascii")
        picture = f'<img loading="lazy" alt="{escape(alt)}" src="data:image/jpeg;base64,{data}">'
    return (
        f'<section class="video" id="video-{number}"><h3><a href="#video-{number}">video {number}'
        f"</a>: mean overlap {100 * verdict.overlap:.1f}</h3>{picture}<ol>{lines}</ol></section>"
    )


def _jpeg(picture: UInt8Array) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
    return data.tobytes()


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    lines = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return _wide(f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>")


def _wide(element: str) -> str:
    """Something that scrolls by itself where the page is narrow, by keys as well."""
    return f'<div class="wide" tabindex="0">{element}</div>'


def _legend(content: PageContent) -> list[str]:
    """What the bars of two files show."""
    if content.other is None:
        return []
    title, other = escape(content.title), escape(content.other_title)
    return [f'<p class="note">AP in per cent. Thick bars: {title}; thin ones: {other}.</p>']


def page_content(
    title: str,
    scored: ScoredResults,
    other_title: str | None,
    other: ScoredResults | None,
    read_frame: Callable[[Video, int], NDArray[np.uint8]] | None,
) -> PageContent:
    """What the page of results shows.

    Args:
        title: name of the results file.
        scored: its figures.
        other_title: name of the file that is compared with.
        other: its figures; None without one.
        read_frame: [H, W, 3] RGB of a video and the index of its frame; None leaves pictures out.
    """
    verdicts = video_verdicts(
        scored.videos, scored.ground_truth, scored.measured, scored.judged, scored.results
    )
    names = {category.id: category.name for category in scored.categories}
    strips = None
    if read_frame is not None:
        strips = Strips(read_frame, scored.ground_truth, scored.results, names)
    return PageContent(title, scored, verdicts, strips, other_title or "", other)


def page_files(page: Path) -> tuple[Path, Path]:
    """The page itself and the Markdown file beside it."""
    return page, page.with_suffix(".md")


def is_page(path: Path) -> bool:
    """Whether a file is an earlier page or its Markdown."""
    try:
        start = read_text(path)[:LONGEST_START]
    except ValueError:
        return False
    return start.startswith("# Scores of ") or (
        start.startswith(START) and "<title>Scores of " in start
    )


def write_page(content: PageContent, page: Path) -> None:
    """Writes the page and its Markdown, each whole or not at all."""
    texts = (evaluation_page(content), evaluation_markdown(content))
    for file, text in zip(page_files(page), texts, strict=True):
        with atomic_path(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
