from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import save_tiny_checkpoint
from data_sets import change, write_data_set
from settings import settings_of

from sgnet.commands.diagnose import FIELDS, diagnose
from sgnet.commands.evaluate import evaluate_checkpoint
from sgnet.evaluation.object_figures import FIGURES
from sgnet.evaluation.object_rows import load_rows
from sgnet.evaluation.oracle import LADDER


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three videos, and a checkpoint of their classes."""
    root = tmp_path_factory.mktemp("diagnose")
    path, _ = write_data_set(root)
    names = [{"id": i, "name": name} for i, name in enumerate("abc", start=1)]
    change(path, lambda document: document.update(categories=names))
    save_tiny_checkpoint(root / "a.ckpt", lively=True)
    return root


def settings(folder: Path, *overrides: str, name: str = "diagnose"):
    own = ("data=mine", f"data.root={folder}", "split=train", "data.num_workers=0", "device=cpu")
    size = ("data.transform.size=[64,96]", f"checkpoint={folder}/a.ckpt")
    return settings_of(name, *own, *size, *overrides)


def test_figures_rows_and_differences_are_written(folder, tmp_path):
    rows, output = tmp_path / "a.csv", tmp_path / "a.json"
    report = diagnose(settings(folder, f"output={output}", f"rows={rows}"))
    assert json.loads(output.read_text()) == report
    assert tuple(report) == FIELDS
    assert (report["videos"], report["frames"], report["mask_stride"]) == (3, 12, 2)
    assert report["figures"]["mask_iou"]["objects"] == 3 * (4 + 2)
    assert list(report["figures"]) == list(FIGURES)
    assert list(report["oracle_ladder"]) == list(LADDER)
    assert report["differences"] == {}
    table = load_rows(rows)
    for name, values in zip(FIGURES, table.values.T, strict=True):
        mean = report["figures"][name]["mean"]
        known = float(values[values == values].mean())  # rounded
        assert mean is None or mean == pytest.approx(known, abs=1e-5)
    again = diagnose(settings(folder, f"compare={rows}", f"output={output}"))  # replaces its own
    assert again["figures"] == report["figures"]  # repeats
    assert again["compared_with"] == str(rows)
    for difference in again["differences"].values():
        assert difference["mean"] is None or abs(difference["mean"]) < 1e-5


def test_the_lowest_rung_is_the_ap_of_evaluate(folder, tmp_path):
    report = diagnose(settings(folder, "decoder.max_detections=3"))
    with_same = settings(folder, "decoder.max_detections=3", f"output={tmp_path}", name="evaluate")
    evaluate_checkpoint(with_same)
    stats = json.loads((tmp_path / "metrics.json").read_text())["stats"]
    lowest = report["oracle_ladder"]["none"]
    assert lowest == {name: stats[name] for name in lowest}


def test_a_limit_takes_the_first_videos(folder):
    report = diagnose(settings(folder, "data.limit_val_videos=2"))
    assert (report["videos"], report["frames"]) == (2, 8)


def test_rows_of_other_videos_are_refused_before_the_network_runs(folder, tmp_path, monkeypatch):
    rows = tmp_path / "two.csv"
    diagnose(settings(folder, "data.limit_val_videos=2", f"rows={rows}"))
    monkeypatch.setattr("sgnet.commands.diagnose.Diagnosis", None)
    with pytest.raises(ValueError, match=r"two\.csv: .* got 12 shared of 18 here and 12 there"):
        diagnose(settings(folder, f"compare={rows}"))


@pytest.mark.parametrize("setting", ["output", "rows"])
def test_files_of_others_and_inputs_are_not_written_over(setting, folder, tmp_path):
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(ValueError, match="mine: expected a new file"):
        diagnose(settings(folder, f"{setting}={tmp_path}/mine"))
    assert (tmp_path / "mine").read_text() == "kept"
    with pytest.raises(ValueError, match="must not be one of the inputs"):
        diagnose(settings(folder, f"{setting}={folder}/a.ckpt"))


def test_output_and_rows_are_two_files(folder, tmp_path):
    with pytest.raises(ValueError, match="must not be one of the inputs"):
        diagnose(settings(folder, f"output={tmp_path}/one", f"rows={tmp_path}/one"))


def test_a_split_without_annotations_is_refused(folder, tmp_path):
    path, _ = write_data_set(tmp_path)
    change(path, lambda document: document.pop("annotations"))
    with pytest.raises(ValueError, match=r"train\.json: annotations must be there"):
        diagnose(settings(folder, f"data.root={tmp_path}"))


def test_videos_without_objects_have_no_figures(folder, tmp_path):
    path, _ = write_data_set(tmp_path, seeds=(1,))
    names = [{"id": i, "name": name} for i, name in enumerate("abc", start=1)]
    change(path, lambda document: document.update(annotations=[], categories=names))
    report = diagnose(settings(folder, f"data.root={tmp_path}"))
    assert report["figures"]["mask_iou"] == {
        **dict.fromkeys(("mean", "standard_error", "plain_standard_error")),
        "objects": 0,
        "videos": 0,
    }
    assert report["id_switches"] == 0
