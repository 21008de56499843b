from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from sgnet.evaluation.object_figures import FIGURES, ObjectTable
from sgnet.evaluation.object_rows import HEADER, save_rows
from sgnet.reports.row_differences import (
    SharpDifference,
    differences_markdown,
    over_seeds,
    row_differences,
)
from sgnet.reports.runs import Run, read_run
from sgnet.reports.table import Row, markdown

VIDEOS = 12


def make_run(folder: Path, seed: int, ap: float, ious: list[float] | None) -> Run:
    """A run whose diagnosis has one object a video."""
    objects = None
    if ious is not None:
        folder.mkdir(parents=True)
        values = np.full((len(ious), len(FIGURES)), math.nan)
        values[:, FIGURES.index("mask_iou")] = ious
        values[::2, FIGURES.index("contested_others_claimed")] = 0.9 - np.array(ious[::2])
        values[::2, FIGURES.index("contested_told_apart")] = 2 * np.array(ious[::2])
        keys = [(video, 0, video, 1) for video in range(len(ious))]
        objects = folder / "objects.csv"
        save_rows(ObjectTable.of(keys, values), objects)
    return Run(folder, (), seed, {"AP": ap}, (), None, None, None, objects=objects)


def make_rows(tmp_path: Path, gains: list[float], scatter: float) -> list[Row]:
    """A reference and a row that is better by one gain a seed, give or take by video."""
    random = np.random.default_rng(0)
    of_video = random.normal(0, scatter, VIDEOS)
    mine, theirs = [], []
    for seed, gain in enumerate(gains):
        base = random.uniform(0.4, 0.8, VIDEOS)
        theirs.append(make_run(tmp_path / f"ref{seed}", seed, 0.2, base.tolist()))
        ious = (base + gain + of_video).tolist()
        mine.append(make_run(tmp_path / f"row{seed}", seed, 0.2 + gain, ious))
    return [Row("better row", tuple(mine), ()), Row("reference row", tuple(theirs), ())]


def test_an_interval_over_seeds_is_students():
    # three values of mean 2 and deviation 1: 4.303 / sqrt(3) to each side, by the tables
    interval = over_seeds([1.0, 2.0, 3.0])
    assert interval.mean == 2
    assert interval.low == pytest.approx(2 - 2.4843, abs=1e-3)
    assert interval.high == pytest.approx(2 + 2.4843, abs=1e-3)
    assert not interval.excludes_zero


@pytest.mark.parametrize(("values", "expected"), [([], None), ([0.5], (0.5, None, None))])
def test_one_seed_or_none_has_no_interval(values, expected):
    interval = over_seeds(values)
    assert (interval and (interval.mean, interval.low, interval.high)) == expected


@pytest.mark.parametrize(
    ("gains", "scatter", "holds"),
    [
        ([0.05, 0.06, 0.05], 0.01, True),
        ([0.05, -0.06, 0.05], 0.01, False),  # the seeds disagree
        ([0.05, 0.06, 0.05], 0.6, False),  # the videos do
    ],
)
def test_a_difference_holds_where_seeds_and_videos_say_so(tmp_path, gains, scatter, holds):
    (difference,) = row_differences(make_rows(tmp_path, gains, scatter), "reference")
    assert difference.seeds == (0, 1, 2)
    assert difference.ap.mean == pytest.approx(sum(gains) / 3)
    assert difference.mask_iou.holds == holds
    # here by construction the opposite of the IoU of every other object
    claimed = difference.others_claimed
    assert claimed.over_seeds.mean == pytest.approx(
        -difference.mask_iou.over_seeds.mean, abs=scatter
    )
    assert claimed.holds == holds
    assert difference.told_apart.over_seeds.mean == pytest.approx(
        -2 * claimed.over_seeds.mean, abs=1e-4
    )  # rows are rounded
    text = differences_markdown([difference], "reference")
    assert text.count("| yes |") == 3 * holds
    assert text.count("| no |") == 3 * (not holds)


def test_the_interval_over_videos_is_that_of_the_mean_over_seeds(tmp_path):
    # by video 0.1 +- 0.3 with one seed and 0.1 -+ 0.3 with the other: 0.1 in each
    signs = np.where(np.arange(VIDEOS) % 2, 0.3, -0.3)
    gains = (0.1 + signs, 0.1 - signs)
    theirs = [make_run(tmp_path / f"ref{s}", s, 0.2, [0.4] * VIDEOS) for s in (0, 1)]
    mine = [make_run(tmp_path / f"row{s}", s, 0.2, (0.4 + gains[s]).tolist()) for s in (0, 1)]
    rows = [Row("better", tuple(mine), ()), Row("reference", tuple(theirs), ())]
    (difference,) = row_differences(rows, "reference")
    videos = difference.mask_iou.over_videos
    bounds = (videos.low, videos.mean, videos.high)
    assert bounds == pytest.approx((0.1, 0.1, 0.1))


def test_only_seeds_that_both_have_are_compared(tmp_path):
    better, reference = make_rows(tmp_path, [0.1, 0.2, 0.3], 0.0)
    (difference,) = row_differences([Row("better", better.runs[1:], ()), reference], "reference")
    assert difference.seeds == (1, 2)
    assert difference.mask_iou.over_seeds.mean == pytest.approx(0.25)


def test_rows_without_diagnoses_are_compared_by_ap_alone(tmp_path):
    rows = [
        Row(name, tuple(make_run(tmp_path / name, seed, ap, None) for seed in (0, 1)), ())
        for name, ap in (("a", 0.3), ("b", 0.2))
    ]
    (difference,) = row_differences(rows, "b")
    assert difference.mask_iou == difference.others_claimed == SharpDifference(None, None)
    assert not difference.mask_iou.holds
    lines = differences_markdown([difference], "b").splitlines()
    assert lines[2] == "| setting | seeds | AP | 95 % over seeds |"
    assert lines[4] == "| a | 0, 1 | +10.00 | +10.00 to +10.00 |"


def test_figures_that_earlier_diagnoses_lack_are_left_out(tmp_path):
    rows = make_rows(tmp_path, [0.1, 0.2], 0.0)
    column = HEADER.index("contested_told_apart")
    for file in tmp_path.rglob("objects.csv"):
        lines = [line.split(",") for line in file.read_text().splitlines()]
        file.write_text("".join(",".join(c[:column] + c[column + 1 :]) + "\n" for c in lines))
    (difference,) = row_differences(rows, "reference")
    assert difference.told_apart == SharpDifference(None, None)
    assert difference.others_claimed.over_seeds is not None
    head = differences_markdown([difference], "reference").splitlines()[2]
    assert "others claimed" in head
    assert "told apart" not in head


@pytest.mark.parametrize("reference", ["row", "neither"])
def test_a_reference_that_names_no_single_row_is_refused(tmp_path, reference):
    with pytest.raises(ValueError, match="reference must be a row's name or in that of one"):
        row_differences(make_rows(tmp_path, [0.1], 0.0), reference)


def test_a_row_whose_name_is_a_piece_of_another_is_named_by_all_of_it(tmp_path):
    better, reference = make_rows(tmp_path, [0.1, 0.2], 0.0)
    rows = [
        Row("reading=region_vector", better.runs, ()),
        Row("reading=region", reference.runs, ()),
    ]
    (difference,) = row_differences(rows, "reading=region")
    assert difference.setting == "reading=region_vector"


def test_seeds_that_were_measured_on_other_objects_are_refused(tmp_path):
    rows = [
        Row(
            name,
            tuple(
                make_run(tmp_path / f"{name}{seed}", seed, 0.2, [0.5] * (VIDEOS + seed))
                for seed in (0, 1)
            ),
            (),
        )
        for name in ("one", "other")
    ]
    with pytest.raises(ValueError, match="must be measured on the same objects, got 12 shared"):
        row_differences(rows, "other")


@pytest.mark.parametrize("ious", [[], [math.nan, math.nan]])
def test_diagnoses_without_any_object_are_none(tmp_path, ious):
    rows = [
        Row(name, (make_run(tmp_path / name, 0, ap, ious),), ())
        for name, ap in (("a", 0.3), ("b", 0.2))
    ]
    (difference,) = row_differences(rows, "b")
    assert difference.mask_iou == SharpDifference(None, None)


def test_an_interval_over_many_seeds_is_never_narrower_than_students():
    values = [0.0, 1.0] * 6
    interval = over_seeds(values)
    # 2.201 for eleven degrees of freedom, by the tables
    assert interval.high - 0.5 >= 2.201 * np.std(values, ddof=1) / 12**0.5


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"figures": {}}', '{"mask_stride": 2, "figures": []}']
)
def test_a_diagnosis_that_is_none_is_named(tmp_path, text):
    (tmp_path / "config.yaml").write_text(json.dumps({"seed": 0}))
    (tmp_path / "summary.json").write_text(json.dumps({"val/AP": 0.25}))
    (tmp_path / "diagnosis.json").write_text(text)
    with pytest.raises(
        ValueError, match="diagnosis.json: expected the figures that sgnet diagnose"
    ):
        read_run(tmp_path)


def test_a_table_shows_the_figures_of_a_diagnosis_and_their_ceiling(tmp_path):
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra/overrides.yaml").write_text("- seed=0\n")
    (tmp_path / "config.yaml").write_text(json.dumps({"seed": 0}))
    (tmp_path / "summary.json").write_text(json.dumps({"val/AP": 0.25}))
    means = {"mask_iou": 0.7512, "class_right": 0.5, "movement_error": 2.345}
    means |= {"contested_mask_iou": 0.4, "contested_others_claimed": 0.8}
    means["mask_iou_own_minus_other"] = 0.01
    figures = {name: {"mean": mean} for name, mean in means.items()}
    figures["ceiling_stride_2"] = {"mean": 0.97}
    (tmp_path / "diagnosis.json").write_text(
        json.dumps({"mask_stride": 2, "figures": figures, "id_switches": 42})
    )
    run = read_run(tmp_path)
    assert run.objects is None
    lines = markdown([Row("one", (run,), ())]).splitlines()
    heads = [head.strip() for head in lines[0].split("|")]
    cells = [cell.strip() for cell in lines[2].split("|")]
    shown = dict(zip(heads, cells, strict=True))
    assert shown["mask IoU in true boxes"] == "75.1"
    assert shown["its ceiling"] == "97.0"
    assert shown["own minus another's scores"] == "1.0"
    assert shown["mask IoU in contested boxes"] == "40.0"
    assert shown["others claimed there"] == "80.0"
    assert "told apart" not in shown  # an earlier diagnosis, which lacks it
    assert shown["class accuracy"] == "50.0"
    assert shown["movement error, px"] == "2.3"
    assert shown["ID switches"] == "42.0"
