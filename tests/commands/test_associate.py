from __future__ import annotations

import json
from pathlib import Path

import pytest
from script_runner import run_script

ROOT = Path(__file__).parents[2]
CASE = ROOT / "tests/golden/long60"
FILES = {"detections": CASE / "results.json", "annotations": CASE / "gt.json"}


def test_a_sweep_makes_one_table_and_one_file(tmp_path):
    done = run_script(
        "associate.py", tmp_path, "-m", tracker="iou,kalman,byte", output="table.json", **FILES
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["AP", "AP50", "HOTA"]
    assert [line.split()[0] for line in lines[1::3]] == ["iou", "kalman", "byte"]
    written = json.loads((tmp_path / "table.json").read_text())
    assert list(written) == ["iou", "kalman", "byte"]
    for row, line in zip(written.values(), lines[1::3], strict=True):
        assert line.split()[1] == f"{100 * row['figures']['tracker']['AP']:.1f}"
    assert written["byte"]["settings"]["tracker"]["weak_min_iou"] == 0.5
    assert {path.name for path in tmp_path.iterdir()} == {"table.json", "runs"}


def test_a_setting_of_a_tracker_is_in_its_name_and_a_foreign_file_is_left_alone(tmp_path):
    settings = {"tracker": "kalman", "tracker.velocity_noise": 0.05, **FILES}
    done = run_script("associate.py", tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("kalman velocity_noise=0.05 ")
    (tmp_path / "notes.json").write_text("{}x")
    done = run_script("associate.py", tmp_path, output="notes.json", **settings)
    assert done.returncode == 2
    assert "notes.json" in done.stderr
    assert (tmp_path / "notes.json").read_text() == "{}x"


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({}, "checkpoint=FILE or detections=FILE"),
        ({"detections": CASE / "results.json"}, "annotations=FILE"),
        ({**FILES, "tracker": "iou", "tracker.min_iou": 2}, "min_iou"),
        ({**FILES, "score_threshold": 2}, "score_threshold must be a number from 0 to 1"),
        ({**FILES, "tracker": "iou", "tracker.radius_scale": 2}, "radius_scale"),
    ],
)
def test_what_is_missing_or_wrong_is_named(tmp_path, settings, word):
    done = run_script("associate.py", tmp_path, **settings)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr
