"""The command line of scripts/score.py; each subprocess takes seconds, so they are few."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from script_runner import run_script

ROOT = Path(__file__).parents[2]
BAD, GOLDEN = ROOT / "tests" / "bad", ROOT / "tests" / "golden"


def test_a_good_file_is_scored_and_nothing_else_written(tmp_path: Path) -> None:
    case = GOLDEN / "absent_categories"
    done = run_script(
        "score.py",
        tmp_path,
        annotations=case / "gt.json",
        results=case / "results.json",
        output="out.json",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split()[:2] == ["all", "30.9"]
    assert "category_id 77" in done.stderr
    expected = json.loads((case / "expected.json").read_text())
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["stats"] == pytest.approx(expected["stats"], abs=1e-9)
    assert set(written["per_category"]) == set(expected["per_category"])
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_further_figures_are_shown_and_written_and_replace_earlier_ones(tmp_path: Path) -> None:
    case = GOLDEN / "long60"
    other = json.loads((case / "results.json").read_text())
    (tmp_path / "other.json").write_text(json.dumps(other[1:]))
    for _ in range(2):
        done = run_script(
            "score.py",
            tmp_path,
            annotations=case / "gt.json",
            results=case / "results.json",
            output="out.json",
            tracking="true",
            davis="true",
            page="page.html",
            strata="true",
            intervals="true",
            errors="true",
            errors_iou=0.75,
            compare="other.json",
            resamples=50,
        )
        assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out.json").read_text())
    expected = json.loads((case / "expected.json").read_text())
    assert written["stats"] == pytest.approx(expected["stats"], abs=1e-9)
    assert set(written["tracking"]) == {"all", "category_mean", "per_category"}
    assert set(written["intervals"]) == set(written["compare"]) == set(written["stats"])
    assert written["intervals"]["AP"]["value"] == written["stats"]["AP"]
    assert 0 <= written["compare"]["AP"]["better"] <= 1
    _, tracking, contours, strata, intervals, errors, compared = done.stdout.split("\n\n")
    shown = tracking.splitlines()[-1].split()
    assert shown[:2] == ["all", f"{100 * written['tracking']['all']['HOTA']:.1f}"]
    shown = intervals.splitlines()[1].split()
    assert shown[:2] == ["AP", f"{100 * written['stats']['AP']:.1f}"]
    assert set(written["strata"]) == {"category", "area", "length", "objects", "motion", "hidden"}
    assert written["strata"]["area"]["small"]["AP"] == pytest.approx(written["stats"]["AP_S"])
    assert strata.startswith(" ")
    heads, values = (line.split() for line in contours.splitlines())
    assert heads == list(written["davis"])
    assert values[0] == f"{100 * written['davis']['J&F']:.1f}"
    assert "by motion" in strata
    page = (tmp_path / "page.html").read_text()
    assert f"<td>AP</td><td>{100 * written['stats']['AP']:.1f}</td>" in page
    assert (tmp_path / "page.md").read_text().startswith("# Scores of ")
    assert written["errors"]["AP"] == pytest.approx(written["stats"]["AP75"])
    assert errors.startswith(f"AP at an IoU of 0.75: {100 * written['stats']['AP75']:.1f}")
    assert compared.startswith("minus other.json\n")


@pytest.mark.parametrize(
    ("annotations", "results", "word"),
    [
        ("_base_annotations.json", "res_counts_sum_short.json", "768"),
        ("ann_deep_nesting.json", "_base_results.json", "JSON"),
        ("none.json", "_base_results.json", "no such file"),
    ],
)
def test_a_malformed_file_ends_with_a_message_alone(
    tmp_path: Path, annotations: str, results: str, word: str
) -> None:
    done = run_script(
        "score.py",
        tmp_path,
        annotations=BAD / annotations,
        results=BAD / results,
        output="out.json",
    )
    assert done.returncode != 0
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_missing_arguments_are_named(tmp_path: Path) -> None:
    done = run_script("score.py", tmp_path)
    assert done.returncode != 0
    assert "annotations=FILE and results=FILE" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"page": "page.md"}, "page must be a file that ends in .html"),
        ({"page": "page.html", "images": "."}, "frame is missing"),
    ],
)
def test_a_page_that_cannot_be_made_is_refused_and_nothing_written(
    tmp_path: Path, settings: dict[str, str], word: str
) -> None:
    case = GOLDEN / "absent_categories"
    files = {"annotations": case / "gt.json", "results": case / "results.json"}
    done = run_script("score.py", tmp_path, output="out.json", **files, **settings)
    assert done.returncode == 1
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_pictures_of_frames_without_names_are_refused_and_a_page_without_them_made(
    tmp_path: Path,
) -> None:
    case = GOLDEN / "absent_categories"
    truth = json.loads((case / "gt.json").read_text())
    for video in truth["videos"]:
        del video["file_names"]
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    files = {"annotations": "gt.json", "results": case / "results.json", "page": "page.html"}
    done = run_script("score.py", tmp_path, images=".", **files)
    assert done.returncode == 1
    assert "must name the frames of video" in done.stderr
    done = run_script("score.py", tmp_path, **files)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"gt.json", "page.html", "page.md"}
