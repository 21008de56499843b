"""What pip installs: the package with its settings and the command, without the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from golden_case import GOLDEN

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from this checkout, without an index."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    (built,) = folder.glob("sgnet-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder in which the wheel is installed alone."""
    folder = tmp_path_factory.mktemp("installed")
    options = ("--quiet", "--no-deps", "--no-index", "--target", str(folder))
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    return folder


def command(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(installed / "bin/sgnet"), *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_wheel_has_all_settings_and_nothing_else_of_the_repository(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    settings = {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}
    assert {f"sgnet/conf/{path.as_posix()}" for path in settings} <= names
    modules = {path.relative_to(ROOT / "src").as_posix() for path in ROOT.glob("src/**/*.py")}
    assert {name for name in names if name.endswith(".py")} == modules
    assert {name.split("/")[0].split("-")[0] for name in names} == {"sgnet"}


def test_the_installed_command_helps_and_scores_from_another_folder(installed, tmp_path):
    shown = command(installed, tmp_path, "--help")
    assert shown.returncode == 0, shown.stderr
    assert "check-data" in shown.stdout
    case = GOLDEN / "basic_mixed"
    files = (f"annotations={case}/gt.json", f"results={case}/results.json", "output=out.json")
    done = command(installed, tmp_path, "score", *files)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out.json").read_text())["stats"]
    assert written == pytest.approx(json.loads((case / "expected.json").read_text())["stats"])
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_the_installed_command_finds_its_groups_in_the_package(installed, tmp_path):
    done = command(installed, tmp_path, "check-data", "data=shapes_small", "output=x", "--cfg=job")
    assert done.returncode == 0, done.stderr
    assert "_target_: sgnet.data.loading.shapes_datamodule.ShapesDataModule" in done.stdout
    done = command(installed, tmp_path, "train", "experiment=demo", "--info", "searchpath")
    assert str(installed / "sgnet/conf") in done.stdout
    assert str(ROOT) not in done.stdout
