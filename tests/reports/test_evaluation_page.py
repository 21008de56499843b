from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from golden_case import CASES, Case

from sgnet.evaluation.scored_results import ScoredResults
from sgnet.ops.rle import encode
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Video
from sgnet.reports.evaluation_page import (
    evaluation_page,
    is_page,
    page_content,
    page_files,
    write_page,
)
from sgnet.reports.evaluation_tables import evaluation_markdown
from sgnet.reports.svg_charts import bar_chart, curve_chart
from sgnet.reports.video_verdicts import FOUND, MISSED, video_verdicts

LENGTH, HEIGHT, WIDTH = 8, 30, 60
VOID = {"meta", "img", "rect", "polyline", "line", "br"}


def masks(left: int, frames=range(LENGTH)):
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[5:25, left : left + 15] = 1
    return tuple(encode(mask) if frame in frames else None for frame in range(LENGTH))


def true(number: int, left: int, category: int = 1, video: int = 1, iscrowd: bool = False):
    nothing = (None,) * LENGTH
    return AnnotatedTrack(number, video, category, iscrowd, masks(left), nothing, nothing)


def found(left: int, score: float, category: int = 1, video: int = 1, frames=range(LENGTH)):
    return ResultTrack(video, category, score, masks(left, frames))


def scored(results) -> ScoredResults:
    """Two videos: in the second all is found, in the first one object breaks and one is missed."""
    names = tuple(f"{frame}.jpg" for frame in range(LENGTH))
    videos = [Video(number, WIDTH, HEIGHT, LENGTH, names) for number in (1, 2)]
    categories = [Category(1, "cat <b>"), Category(2, "dog")]
    truth = [true(11, 0), true(12, 40, 2), true(13, 20, iscrowd=True), true(14, 0, video=2)]
    return ScoredResults(videos, categories, truth, results, resamples=20)


RESULTS = [
    found(0, 0.9, frames=range(3)),
    found(0, 0.7, video=2),
    found(40, 0.6, video=2, frames=range(2)),
]


def content(results=RESULTS, other=None, images=False):
    frame = np.full((HEIGHT, WIDTH, 3), 99, dtype=np.uint8)
    return page_content(
        "a & b.json",
        scored(results),
        None if other is None else "other.json",
        None if other is None else scored(other),
        (lambda video, index: frame) if images else None,
    )


class Reader(HTMLParser):
    """Refuses tags that do not close; keeps the attributes of all."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_verdicts_name_what_became_of_each_object_worst_video_first():
    one = scored(RESULTS)
    verdicts = video_verdicts(one.videos, one.ground_truth, one.measured, one.judged, one.results)
    assert [verdict.video.id for verdict in verdicts] == [1, 2]
    assert [(o.verdict, o.track, o.index) for o in verdicts[0].objects] == [
        ("broken", 0, 0),
        (MISSED, None, 1),
    ]
    assert verdicts[0].overlap == pytest.approx((3 / 8 + 0) / 2)
    assert [(o.verdict, o.track) for o in verdicts[1].objects] == [(FOUND, 1)]
    assert verdicts[1].wrong == (2,)


def test_a_right_track_belongs_to_an_object_before_better_scored_wrong_ones():
    one = scored([found(0, 0.9, frames=range(3)), found(0, 0.2)])
    (first, _) = video_verdicts(one.videos, one.ground_truth, one.measured, one.judged, one.results)
    assert first.video.id == 2
    verdicts = {v.video.id: v for v in video_verdicts(
        one.videos, one.ground_truth, one.measured, one.judged, one.results
    )}  # fmt: skip
    assert (verdicts[1].objects[0].verdict, verdicts[1].objects[0].track) == (FOUND, 1)


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("other", [None, RESULTS[:2]])
def test_the_page_is_well_formed_and_stands_alone(images, other):
    page = evaluation_page(content(other=other, images=images))
    reader = Reader(page)
    assert not reader.of("script") + reader.of("link")
    assert "url(" not in page
    assert "@import" not in page
    pictures = reader.of("img")
    assert len(pictures) == (2 if images else 0)
    assert all(picture["alt"].startswith("Frames of video ") for picture in pictures)
    assert all(picture["src"].startswith("data:image/jpeg;base64,") for picture in pictures)
    assert all(chart["aria-label"] for chart in reader.of("svg"))
    places = {part.get("id") for part in reader.of("section")}
    assert {link["href"] for link in reader.of("a")} == {f"#{place}" for place in places}
    assert ("thin ones: other.json" in page) == (other is not None)


def test_names_are_text_and_no_markup():
    page = evaluation_page(content())
    assert "cat &lt;b&gt;" in page
    assert "<b>" not in page
    assert "a &amp; b.json" in page


def test_the_page_and_its_markdown_hold_the_same_figures():
    page, text = evaluation_page(content(other=RESULTS[1:])), evaluation_markdown(
        content(other=RESULTS[1:])
    )  # fmt: skip
    rows = [line for line in text.splitlines() if line.startswith("| AP |")]
    assert len(rows) == 2  # the figure and its difference
    for line in rows:
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        assert "".join(f"<td>{cell}</td>" for cell in cells) in page
    assert "annotation 12: missed, best overlap 0.0" in page
    assert "annotation 12: missed, best overlap 0.0" in text
    assert "annotation 11: broken (results[0]), best overlap 37.5" in text


@pytest.mark.parametrize("name", CASES)
def test_golden_results_make_a_page(name):
    case = Case(name)
    one = ScoredResults(case.videos, case.categories, case.ground_truth, case.results, resamples=5)
    page = evaluation_page(page_content(name, one, None, None, None))
    Reader(page)
    value = case.expected["stats"]["AP"]
    assert f"<td>AP</td><td>{100 * value:.1f}</td>" in page


def test_nothing_annotated_still_makes_a_page():
    one = replace(scored(RESULTS), ground_truth=[])
    page = evaluation_page(page_content("x", one, None, None, None))
    Reader(page)
    assert "No object is annotated" in page


def test_files_are_known_again_and_others_are_not(tmp_path):
    page = tmp_path / "page.html"
    write_page(content(), page)
    assert [path.name for path in page_files(page)] == ["page.html", "page.md"]
    assert all(is_page(path) for path in page_files(page))
    for text in ("", "# Scores", "<!doctype html><html><title>Scores of x"):
        (tmp_path / "other.md").write_text(text)
        assert not is_page(tmp_path / "other.md")


def test_bars_are_as_long_as_their_values():
    chart = bar_chart("t", [("a", 0.5, "50"), (" ", 0.25, "25"), ("b", -0.1, "-")], most=0.5)
    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', chart)]
    assert widths == [300, 150, 0]


def test_curves_run_from_corner_to_corner():
    chart = curve_chart("t", {"falling": [1.0, 0.5, 0.0]})
    (points,) = re.findall(r'points="([^"]+)"', chart)
    xs, ys = np.array([point.split(",") for point in points.split()], dtype=float).T
    assert xs.tolist() == [36, 186, 336]
    assert ys.tolist() == [18, 128, 238]
