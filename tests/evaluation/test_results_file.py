"""Large results files, against the reading of whole files and the metric on all tracks at once."""

from __future__ import annotations

import json
import random
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_case import CASES, GOLDEN

from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.evaluation import results_file, scored_results
from sgnet.evaluation.matching import CategoryOverlaps, measure_categories
from sgnet.evaluation.results import load_results
from sgnet.evaluation.results_file import measure_results_file
from sgnet.evaluation.scored_results import ScoredResults
from sgnet.files.json_list import ListError
from sgnet.ops.rle import rle_from_counts, run_lengths

BAD = Path(__file__).parents[1] / "bad"
ROWS = [row for row in json.loads((BAD / "index.json").read_text()) if row["role"] == "results"]


def known(annotations: Path, check_lengths: bool = True) -> tuple[Any, Any, Any]:
    truth = load_annotations(annotations, check_lengths)
    return truth.videos, truth.categories, list(truth.tracks())


def assert_same(found: list[CategoryOverlaps], expected: list[CategoryOverlaps]) -> None:
    assert len(found) == len(expected)
    for mine, other in zip(found, expected, strict=True):
        assert mine.category_id == other.category_id
        assert mine.video_ids == other.video_ids
        assert (mine.detections, mine.ground_truths) == (other.detections, other.ground_truths)
        for one, two in zip(mine.videos, other.videos, strict=True):
            for name in vars(two):
                assert np.array_equal(getattr(one, name), getattr(two, name)), name


def assert_reads_alike(annotations: Path, results: Path, check_lengths: bool = True) -> None:
    """Overlaps to the last digit, tracks, and warnings."""
    truth = known(annotations, check_lengths)
    with warnings.catch_warnings(record=True) as expected_warnings:
        warnings.simplefilter("always")
        tracks = load_results(results, truth[0], truth[1], check_lengths)
    with warnings.catch_warnings(record=True) as found_warnings:
        warnings.simplefilter("always")
        found, overlaps = measure_results_file(results, *truth, check_lengths)
    assert [str(w.message) for w in found_warnings] == [str(w.message) for w in expected_warnings]
    assert list(found) == found[:] == tracks
    assert found[-1:] == tracks[-1:]
    assert_same(overlaps, measure_categories(*truth, tracks))


@pytest.mark.parametrize("waiting", [0, results_file.MOST_WAITING])
@pytest.mark.parametrize("name", CASES)
def test_golden_cases_are_measured_alike(name, waiting, monkeypatch):
    monkeypatch.setattr(results_file, "MOST_WAITING", waiting)
    ragged = name == "missing_frames_lengths"
    assert_reads_alike(GOLDEN / name / "gt.json", GOLDEN / name / "results.json", not ragged)


@pytest.fixture
def case(tmp_path: Path) -> tuple[Path, list[Any]]:
    """A golden case to change: its annotations and the entries of its results."""
    folder = GOLDEN / "long60"
    return folder / "gt.json", json.loads((folder / "results.json").read_text())


def test_videos_in_any_order_are_measured_alike(case, tmp_path):
    annotations, entries = case
    random.Random(0).shuffle(entries)
    (tmp_path / "results.json").write_text(json.dumps(entries))
    assert_reads_alike(annotations, tmp_path / "results.json")


def test_no_track_is_fine(case, tmp_path):
    (tmp_path / "results.json").write_text(" [ ] ")
    assert_reads_alike(case[0], tmp_path / "results.json")


def as_runs(entry: Any) -> None:
    video = load_annotations(GOLDEN / "long60" / "gt.json").videos[0]
    for mask in entry["segmentations"]:
        if mask:
            rle = rle_from_counts(mask["counts"], video.height, video.width)
            mask["counts"] = run_lengths(rle).tolist()


OTHER_FORMS = {
    "another field": lambda entry: entry.update(comment="é", boxes=[[1, 2]]),
    "a field in masks": lambda entry: [mask.update(id=3) for mask in shown(entry)],
    "run lengths": as_runs,
    "absent as {}": lambda entry: entry["segmentations"].__setitem__(0, {}),
    "absent as []": lambda entry: entry["segmentations"].__setitem__(1, []),
    "polygon": lambda entry: entry["segmentations"].__setitem__(0, [[0, 0, 9, 0, 9, 9]]),
    "whole floats": lambda entry: entry.update(
        video_id=float(entry["video_id"]), category_id=float(entry["category_id"])
    ),
    "whole score": lambda entry: entry.update(score=1),
    "undeclared category": lambda entry: entry.update(category_id=4321),
    "all absent": lambda entry: entry.update(segmentations=[None] * len(entry["segmentations"])),
}


def shown(entry: Any) -> list[Any]:
    return [mask for mask in entry["segmentations"] if mask]


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_entries_of_another_form_are_read_alike(name, case, tmp_path):
    annotations, entries = case
    for entry in entries[::2]:
        OTHER_FORMS[name](entry)
    (tmp_path / "results.json").write_text(json.dumps(entries, ensure_ascii=False))
    assert_reads_alike(annotations, tmp_path / "results.json")


def test_empty_runs_are_merged_away(case, tmp_path):
    annotations, entries = case
    video = load_annotations(annotations).videos[0]
    pixels = video.height * video.width
    entries[0]["segmentations"][0] = {
        "size": [video.height, video.width],
        "counts": [5, 0, 0, 7, pixels - 12],
    }
    (tmp_path / "results.json").write_text(json.dumps(entries))
    assert_reads_alike(annotations, tmp_path / "results.json")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_malformed_files_get_the_same_message(row, monkeypatch):
    monkeypatch.setattr(scored_results, "LARGE", 0)
    path, truth = BAD / row["file"], known(BAD / "_base_annotations.json")
    expected = found = ""
    try:
        load_results(path, truth[0], truth[1])
    except ValueError as error:
        expected = str(error)
    try:
        ScoredResults.from_file(path, *truth)
    except ValueError as error:
        found = str(error)
    assert found == expected
    assert bool(found) == (row["severity"] == "error")


def test_of_two_malformed_entries_the_first_is_named(case, tmp_path):
    annotations, entries = case
    entries[3]["segmentations"][0] = {"size": [1, 1], "counts": "1"}
    entries[2]["segmentations"][5] = {**shown(entries[2])[0], "counts": "ool"}
    entries[5]["score"] = None
    (tmp_path / "results.json").write_text(json.dumps(entries))
    with pytest.raises(ValueError, match=r"results.json: results\[2\]: segmentations\[5\]: counts"):
        measure_results_file(tmp_path / "results.json", *known(annotations))


def test_masks_of_another_shape_with_as_many_pixels_are_refused(case, tmp_path):
    annotations, entries = case
    shown(entries[0])[0]["size"].reverse()
    (tmp_path / "results.json").write_text(json.dumps(entries))
    with pytest.raises(ValueError, match=r"results\[0\]: segmentations\[\d+\]: size"):
        measure_results_file(tmp_path / "results.json", *known(annotations))


def test_another_track_in_the_place_of_one_is_refused(tmp_path):
    annotations = GOLDEN / "score_ties" / "gt.json"
    truth = known(annotations)
    text = (GOLDEN / "score_ties" / "results.json").read_text()
    (tmp_path / "results.json").write_text(text)
    results, _ = measure_results_file(tmp_path / "results.json", *truth)
    before, after = (f'"category_id":{category.id},' for category in truth[1][:2])
    assert before in text
    (tmp_path / "results.json").write_text(text.replace(before, after))
    with pytest.raises(ValueError, match="must stay as it was"):
        list(results)


def test_a_file_that_changes_is_refused_where_it_is_read_again(case, tmp_path):
    annotations, entries = case
    path = tmp_path / "results.json"
    path.write_text(json.dumps(entries))
    results, _ = measure_results_file(path, *known(annotations))
    path.write_text(json.dumps(entries[1:]))
    with pytest.raises(ValueError, match="results.json: results"):
        list(results)


@pytest.mark.parametrize("text", ["{}", "[{", "[1]", "\ufeff[]", '[{"a": 01}]', '[{"a": "\x01"}]'])
def test_what_is_no_list_of_objects_is_left_to_the_reader_of_whole_files(case, tmp_path, text):
    path = tmp_path / "results.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ListError):
        measure_results_file(path, *known(case[0]))


def test_all_figures_of_a_large_file_are_those_of_a_small_one(monkeypatch):
    folder = GOLDEN / "long60"
    truth = known(folder / "gt.json")
    small = ScoredResults.from_file(folder / "results.json", *truth)
    monkeypatch.setattr(scored_results, "LARGE", 0)
    large = ScoredResults.from_file(folder / "results.json", *truth)
    assert isinstance(large.results, results_file.ResultsFile)
    assert isinstance(small.results, list)
    for name in ("metrics", "tracking", "contours", "strata", "errors", "intervals"):
        assert getattr(large, name) == getattr(small, name), name
    assert large.minus(small) == small.minus(small)
    assert [vars(one) for one in large.judged] == [vars(one) for one in small.judged]


def test_without_numba_large_files_are_read_whole(monkeypatch):
    folder = GOLDEN / "long60"
    truth = known(folder / "gt.json")
    monkeypatch.setattr(scored_results, "LARGE", 0)
    monkeypatch.setitem(sys.modules, "sgnet.evaluation.results_file", None)
    scored = ScoredResults.from_file(folder / "results.json", *truth)
    assert isinstance(scored.results, list)
    assert scored.metrics.stats["AP"] > 0
