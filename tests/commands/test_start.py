from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sgnet.commands.start import absolute_config_path
from sgnet.training.sweeps import training_program

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], []),
        (["a=b", "-m"], ["a=b", "-m"]),
        (
            ["--config-path", "conf", "x=--config-path"],
            ["--config-path", "/f/conf", "x=--config-path"],
        ),
        (["-cp", "../conf"], ["-cp", "/conf"]),
        (["--config-path=conf"], ["--config-path", "/f/conf"]),
        (["-cp", "/else"], ["-cp", "/else"]),
        (["-cp", "pkg://mine.conf"], ["-cp", "pkg://mine.conf"]),
        (["--config-dir", "conf"], ["--config-dir", "conf"]),
    ],
)
def test_a_relative_config_path_starts_from_the_main(arguments, expected):
    assert absolute_config_path(arguments, Path("/f")) == expected


def composed(main: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(main), *arguments, "--cfg", "job"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_mains_of_a_checkout_take_the_settings_that_stand_beside_them(tmp_path):
    """Whatever package is installed, and from wherever they are called."""
    (tmp_path / "scripts").mkdir()
    for name in ("train.py", "scripts/split.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "conf/scripts").mkdir(parents=True)
    (tmp_path / "conf/data").mkdir()
    (tmp_path / "conf/train.yaml").write_text("defaults: [data: null]\nhere: 1\n")
    (tmp_path / "conf/scripts/split.yaml").write_text("defaults: [data: null]\nhere: 2\n")
    (tmp_path / "conf/data/mine.yaml").write_text("root: x\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name, number in (("train.py", 1), ("scripts/split.py", 2)):
        text = composed(tmp_path / name, elsewhere, "data=mine")
        assert f"here: {number}" in text
        assert "root: x" in text
    text = composed(tmp_path / "scripts/split.py", elsewhere, "--config-path", "../conf/scripts")
    assert "here: 2" in text


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        ("/a/train.py", ["/a/train.py"]),
        ("/venv/bin/sgnet", ["-m", "sgnet", "train"]),
        ("/x/sgnet/__main__.py", ["-m", "sgnet", "train"]),
    ],
)
def test_runs_of_a_sweep_start_as_the_sweep_was_started(monkeypatch, first, rest):
    monkeypatch.setattr(sys, "argv", [first, "-m", "seed=0,1"])
    assert training_program() == [sys.executable, *rest]
