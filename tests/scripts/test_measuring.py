"""The scripts that measure run to their end on something small."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from builders import save_tiny_checkpoint
from omegaconf import OmegaConf

from sgnet.commands import check_export

ROOT = Path(__file__).parents[2]


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def load(script: str) -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location(Path(script).stem, ROOT / "scripts" / script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def settings(name: str, **changes):
    """A script's own settings without Hydra's."""
    return OmegaConf.merge(OmegaConf.load(ROOT / "conf/scripts" / f"{name}.yaml"), changes)


def test_a_benchmark_with_failures_is_printed_and_written(tmp_path, monkeypatch, capsys):
    timing = {"median": 1.25, "low": 1.0, "high": 2.0}
    figures = {
        "milliseconds": {"exact 10": timing, "Mask R-CNN 100": None},
        "memory_mb": {"exact 10": 7.0, "Mask R-CNN 100": None},
        "stages": {"exact": None, "fastest": {"10": {"heads": timing}}},
        "work": {"exact": None},
        "failures": {"Mask R-CNN 100": "MemoryError: no memory for 100"},
    }
    figures |= {p: {} for p in ("modes", "trials_ms", "not_tried", "exact", "fastest", "machine")}
    script = load("benchmark.py")
    monkeypatch.setattr(script, "compare", lambda settings: figures)
    script.run(settings("benchmark", output=str(tmp_path / "bench.json")))
    assert json.loads((tmp_path / "bench.json").read_text()) == figures
    printed = capsys.readouterr().out
    assert "failed" in printed
    assert "no memory for 100" in printed


def test_soak_writes_its_readings(tmp_path):
    output = tmp_path / "soak.json"
    small = ["frames=12", "first_reading=6", "height=64", "width=96"]
    done = run("soak.py", *small, f"output={output}")
    assert done.returncode == 0, done.stderr
    figures = json.loads(output.read_text())
    assert figures["frames"] == 12
    assert figures["rss_mb_at_6"] > 0
    assert figures["rss_mb_at_end"] > 0
    assert figures["growth_mb"] == figures["rss_mb_at_end"] - figures["rss_mb_at_6"]
    assert figures["masks"] > 0


LEAK = """
import numpy as np
from test_measuring import load, settings
script = load("soak.py")
own, kept = script.frames, []
def leaking(cfg):
    for frame in own(cfg):
        kept.append(np.ones({leaked_mb} * 2**20, dtype=np.uint8))
        yield frame
script.frames = leaking
small = settings("soak", frames=30, first_reading=20, height=64, width=96)
print(script.soak(small)["growth_mb"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("leaked_mb", [0, 16])
def test_soak_sees_what_leaks_behind_its_first_reading(leaked_mb):
    # in a process of its own: here memory of other tests comes and goes
    done = subprocess.run(
        [sys.executable, "-c", LEAK.format(leaked_mb=leaked_mb)],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    growth = float(done.stdout.split()[-1])
    # frames are read a few ahead, so some of the ten were there at the first reading
    assert growth < 10 * leaked_mb + 30
    assert leaked_mb == 0 or growth > 0.4 * 10 * leaked_mb


@pytest.mark.parametrize("first_reading", [0, 12, 1000])
def test_soak_refuses_a_first_reading_that_is_not_before_the_last(first_reading):
    with pytest.raises(ValueError, match="first_reading must be from 1 to frames - 1 = 11"):
        load("soak.py").soak(settings("soak", frames=12, first_reading=first_reading))


def test_an_export_is_compared_with_its_checkpoint(tmp_path):
    checkpoint = save_tiny_checkpoint(tmp_path / "tiny.ckpt", score_threshold=0.05)
    done = run("export.py", f"checkpoint={checkpoint}", "input_size=[56,96]")
    assert done.returncode == 0, done.stderr
    done = run(
        "check_export.py",
        f"checkpoint={checkpoint}",
        f"exported={tmp_path}/tiny.onnx",
        f"data.root={tmp_path}/shapes",
        "data.num_val_videos=1",
        "starts=1",
        f"output={tmp_path}/check.json",
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "check.json").read_text())
    assert figures["parity"]["frames"] > 0
    assert figures["parity"]["frames_with_other_ids"] == 0
    assert figures["parity"]["instances"] > 0
    # one pixel on the threshold is 0.002 of these small masks
    assert figures["parity"]["mean_mask_iou"] > 0.9999
    assert figures["parity"]["lowest_mask_iou"] > 0.995
    assert figures["onnxruntime"]["peak_mb"] < figures["torch"]["peak_mb"]
    assert figures["onnxruntime"]["instances"] == figures["torch"]["instances"] > 0


@pytest.mark.parametrize(
    ("ious", "expected"),
    [([], (0, None, None, 0)), ([1.0, 0.5, 0.9995], (3, 2.4995 / 3, 0.5, 1))],
)
def test_agreement_without_any_instance_has_no_iou(ious, expected):
    assert tuple(check_export.agreement(ious).values()) == pytest.approx(expected)


def test_a_start_is_timed_from_outside_of_its_process(monkeypatch):
    clock = iter([10.0, 14.0])
    monkeypatch.setattr(check_export.time, "perf_counter", lambda: next(clock))
    code = "print(3, flush=True); print(70.5, False)"
    assert check_export._one_start(code, "x.onnx", "onnxruntime") == (4.0, 70.5, 3)


def test_a_start_that_fails_names_its_file(capfd):
    with pytest.raises(ValueError, match="x.ckpt: expected a first result of torch, got exit"):
        check_export._one_start("raise OSError('gone')", "x.ckpt", "torch")
    assert "gone" in capfd.readouterr().err


@pytest.mark.parametrize("script", ["soak.py", "benchmark.py"])
def test_an_output_that_cannot_be_written_ends_the_work_before_it_starts(script, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    done = run(script, f"output={file}/figures.json")
    assert done.returncode != 0
    assert str(file) in done.stderr + done.stdout
