"""The metric against figures of the official code (tests/golden)."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_case import CASES, GOLDEN, Case
from pycocotools import mask as coco_mask

from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.evaluation.average_precision import evaluate, format_table
from sgnet.evaluation.matching import measure_overlaps
from sgnet.evaluation.results import load_results
from sgnet.ops.rle import encode
from sgnet.structures import AnnotatedTrack, Category, ResultTrack, Video


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def test_there_are_twelve_golden_cases() -> None:
    assert len(CASES) == 12


def test_figures_are_those_of_the_official_code(case: Case) -> None:
    metrics = evaluate(case.videos, case.categories, case.ground_truth, case.results)
    assert list(metrics.stats) == list(case.expected["stats"])
    assert metrics.stats == pytest.approx(case.expected["stats"], abs=1e-9, rel=0)
    assert {str(number) for number in metrics.per_category} == set(case.expected["per_category"])
    for number, stats in case.expected["per_category"].items():
        assert metrics.per_category[int(number)] == pytest.approx(stats, abs=1e-9, rel=0)


def test_ious_are_those_of_the_official_code(case: Case) -> None:
    for key, expected in case.expected["ious"].items():
        pair = tuple(int(part) for part in key.split(","))
        overlaps = measure_overlaps(
            [t for t in case.results if (t.video_id, t.category_id) == pair],
            [t for t in case.ground_truth if (t.video_id, t.category_id) == pair],
        )
        np.testing.assert_allclose(overlaps.ious, np.array(expected), rtol=0, atol=1e-12)


MASK = encode(np.ones((4, 4), dtype=np.uint8))
VIDEOS = (Video(0, 4, 4, 1, ()),)
CATEGORIES = (Category(0, "cat"), Category(7, "dog"))


def annotated(number: int, category_id: int = 0) -> AnnotatedTrack:
    return AnnotatedTrack(number, 0, category_id, False, (MASK,), (None,), (16.0,))


def test_ids_of_zero_count_like_others() -> None:
    metrics = evaluate(VIDEOS, CATEGORIES, [annotated(0)], [ResultTrack(0, 0, 0.5, (MASK,))])
    assert metrics.stats["AP"] == pytest.approx(1)
    assert metrics.per_category[7]["AP"] == -1


def test_nothing_annotated_leaves_every_figure_undefined() -> None:
    metrics = evaluate(VIDEOS, CATEGORIES, [], [])
    assert set(metrics.stats.values()) == {-1.0}


def test_nothing_found_scores_zero() -> None:
    assert evaluate(VIDEOS, CATEGORIES, [annotated(1)], []).stats["AP"] == 0


def test_tracks_of_unknown_videos_are_refused() -> None:
    with pytest.raises(ValueError, match=r"results\[0\].video_id must be .* got 5"):
        evaluate(VIDEOS, CATEGORIES, [], [ResultTrack(5, 0, 0.5, (MASK,))])


def test_the_table_shows_per_cent_and_a_dash_where_undefined() -> None:
    metrics = evaluate(VIDEOS, CATEGORIES, [annotated(1)], [ResultTrack(0, 0, 0.5, (MASK,))])
    header, cat, dog, total = format_table(metrics, CATEGORIES).splitlines()
    assert header.split()[:3] == ["category", "AP", "AP50"]
    assert cat.split()[:5] == ["cat", "100.0", "100.0", "100.0", "100.0"]
    assert set(dog.split()[1:]) == {"-"}
    assert total.split()[0] == "all"


def test_the_table_of_nothing_annotated_says_why() -> None:
    metrics = evaluate([Video(1, 4, 4, 1, ())], [Category(1, "cat")], [], [])
    assert metrics.stats["AP"] == -1
    assert format_table(metrics, [Category(1, "cat")]).startswith("AP is undefined: no object")


def as_polygons(entries: list[dict[str, Any]], polygons: bool) -> list[dict[str, Any]]:
    """Tracks with drawn masks: as polygons, or filled by pycocotools."""
    random, changed = np.random.default_rng(5), []
    for number, entry in enumerate(entries):
        masks: list[object] = []
        for frame in range(len(entry["segmentations"])):
            x, y = 3 * number + frame, 2 * number % 11
            parts = [(random.uniform(0, 14, 8) + [x, y] * 4).round(2).tolist() for _ in range(2)]
            height, width = entry["height"], entry["width"]
            filled = coco_mask.merge(coco_mask.frPyObjects(parts, height, width))
            counts = filled["counts"].decode()
            coded = {"size": [height, width], "counts": counts}
            masks.append(parts if polygons else coded)
        changed.append({**entry, "segmentations": masks})
    return changed


def figures_of_drawn_tracks(folder: Path, polygons: bool) -> dict[str, float]:
    video = {"height": 48, "width": 64, "length": 3}
    entries = [
        {**video, "video_id": 1 + n % 2, "category_id": 1, "segmentations": [None] * 3}
        for n in range(6)
    ]
    truth = [{**e, "id": n + 1, "iscrowd": 0} for n, e in enumerate(as_polygons(entries, polygons))]
    found = as_polygons([{**e, "score": 0.9 - n / 10} for n, e in enumerate(entries)], polygons)
    for n, entry in enumerate(found):
        shift = -(n % 3)  # some right, some off by frames
        entry["segmentations"] = [*entry["segmentations"][shift:], *entry["segmentations"][:shift]]
    document = {
        "videos": [{"id": i, **video} for i in (1, 2)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": truth,
    }
    (folder / "gt.json").write_text(json.dumps(document))
    (folder / "results.json").write_text(json.dumps(found))
    data = load_annotations(folder / "gt.json")
    results = load_results(folder / "results.json", data.videos, data.categories)
    return evaluate(data.videos, data.categories, list(data.tracks()), results).stats


def test_polygons_score_as_the_masks_that_pycocotools_fills(tmp_path: Path) -> None:
    expected = figures_of_drawn_tracks(tmp_path, polygons=False)
    with pytest.warns(UserWarning, match=r"results\[0\]: segmentations are polygons"):
        assert figures_of_drawn_tracks(tmp_path, polygons=True) == expected
    assert 0 < expected["AP"] < 1


def test_ragged_tracks_are_refused_by_the_reader() -> None:
    folder = GOLDEN / "missing_frames_lengths"
    with pytest.raises(ValueError, match="segmentations must have"):
        load_annotations(folder / "gt.json")


@pytest.mark.parametrize("name", CASES)
def test_reading_the_files_gives_the_same_figures(name: str) -> None:
    folder = GOLDEN / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check = name != "missing_frames_lengths"  # whose tracks differ from their videos in length
        data = load_annotations(folder / "gt.json", check)
        results = load_results(folder / "results.json", data.videos, data.categories, check)
    metrics = evaluate(data.videos, data.categories, list(data.tracks()), results)
    expected = json.loads((folder / "expected.json").read_text())["stats"]
    assert metrics.stats == pytest.approx(expected, abs=1e-9, rel=0)
