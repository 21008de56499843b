"""The command `sgnet`; each subprocess takes a second or so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import tiny_run
from golden_case import GOLDEN

from sgnet import __version__
from sgnet.commands.cli import COMMANDS

ROOT = Path(__file__).parents[2]
# runs the command line behind it and tells which of some libraries were imported
TELLING = """
import atexit, sys
atexit.register(lambda: print("IMPORTED", *sorted({LIBRARIES} & set(sys.modules))))
from sgnet.commands.cli import main
main()
"""
HEAVY = {"torch", "torchvision", "pytorch_lightning", "matplotlib", "albumentations", "wandb"}


def sgnet(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sgnet", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def imported(libraries: set[str], folder: Path, *arguments: str) -> tuple[int, str, set[str]]:
    """Exit status, stderr, and which of the libraries were imported."""
    done = subprocess.run(
        [sys.executable, "-c", TELLING.replace("{LIBRARIES}", repr(libraries)), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("IMPORTED")]
    return done.returncode, done.stderr, set(line.split()[1:])


@pytest.mark.parametrize("arguments", [(), ("--help",), ("predict", "--help"), ("--version",)])
def test_help_takes_neither_torch_nor_hydra(tmp_path, arguments):
    status, _, names = imported(HEAVY | {"hydra", "omegaconf", "numpy"}, tmp_path, *arguments)
    assert (status, names) == (0, set())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["score"], "expected annotations=FILE and results=FILE"),
        (["score", "annotations=no.json", "results=no.json"], "no such file"),
        (["convert", "from=cvat", "source=no.xml", "images=no", "output=out"], "no: images must"),
        (["convert", "from=davis", "source=no", "output=out"], "no"),
        (["split", "annotations=no.json", "images=no", "output=out"], "no.json"),
        (["split", "output=out"], "expected annotations=FILE or data=NAME"),
        (["check-data", "output=out"], "expected annotations=FILE or data=NAME"),
        (["check-data", "annotations=x.json"], "expected output=FOLDER"),
        (["predict"], "expected checkpoint="),
        (["evaluate"], "expected checkpoint="),
        (["export"], "expected checkpoint="),
        (["trian"], "expected a command"),
    ],
)
def test_a_refusal_takes_no_torch(tmp_path, arguments, words):
    status, message, names = imported(HEAVY, tmp_path, *arguments)
    assert status in (1, 2)
    assert words in message
    assert "Traceback" not in message
    assert names == set()


def test_a_check_of_files_that_are_not_there_takes_no_torch(tmp_path):
    arguments = ("check-data", "annotations=no.json", "output=out")
    status, _, names = imported(HEAVY - {"matplotlib"}, tmp_path, *arguments)
    assert (status, names) == (1, set())


def test_scoring_takes_no_torch(tmp_path):
    case = GOLDEN / "basic_mixed"
    files = (f"annotations={case}/gt.json", f"results={case}/results.json", "output=out.json")
    status, message, names = imported(HEAVY, tmp_path, "score", *files)
    assert (status, names) == (0, set()), message
    written = json.loads((tmp_path / "out.json").read_text())["stats"]
    assert written == pytest.approx(json.loads((case / "expected.json").read_text())["stats"])


def test_the_overview_names_every_command_with_its_first_line(tmp_path):
    lines = sgnet(tmp_path, "--help").stdout.splitlines()
    shown = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines if line[:2] == "  "}
    assert tuple(shown) == COMMANDS
    assert all(text.endswith(".") for text in shown.values())


@pytest.mark.parametrize("word", COMMANDS)
def test_the_help_of_a_command_shows_its_settings_with_comments(tmp_path, word):
    done = sgnet(tmp_path, word, "--help")
    assert done.returncode == 0, done.stderr
    assert f"sgnet {word}" in done.stdout
    assert "Settings:" in done.stdout
    assert "hydra:" not in done.stdout  # its own settings


def test_the_version_is_the_packages(tmp_path):
    assert sgnet(tmp_path, "--version").stdout.strip() == __version__


def test_processes_that_train_together_start_from_the_command_as_well(tmp_path):
    together = ("trainer.accelerator=cpu", "trainer.devices=2", "+trainer.strategy=ddp")
    own = [o for o in tiny_run(tmp_path) if not o.startswith("paths.run_dir")]
    arguments = (*own, *together, "trainer.max_epochs=1", "trainer.limit_val_batches=1.0")
    done = sgnet(tmp_path, "train", *arguments, f"hydra.run.dir={tmp_path}/run")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/summary.json").is_file()
    assert (done.stdout + done.stderr).count("GLOBAL_RANK") == 2
