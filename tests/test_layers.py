"""Who may import whom: a room only what stands on a floor below its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/sgnet"

# the house, from the roof down; rooms of one floor never import each other
HOUSE = """
    commands
    training     export       conversion
    inference    data_check   reports
    checkpoints
    models   losses   postprocess   tracking   data   evaluation   visualization
    files
    ops
    structures
    records
"""
FLOORS = {
    room: floor
    for floor, line in enumerate(reversed(HOUSE.strip().splitlines()))
    for room in line.split()
}
# which may know Hydra, of training what turns settings into a run
HYDRA = ("commands/", "training/training_run.py", "training/errors.py")
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_and_never_sideways(path):
    mine = room_of(path)
    for name in imported(path):
        parts = name.split(".")
        assert parts[0] not in ("benchmarks", "scripts", "tests"), "the package stands alone"
        if parts[0] == "hydra":
            where = path.relative_to(PACKAGE).as_posix()
            assert where.startswith(HYDRA), f"Hydra belongs into {HYDRA}"
        if parts[0] != "sgnet" or len(parts) < 2 or mine in ("__init__", "__main__"):
            continue
        if parts[1] != mine and parts[1] != "__version__":
            assert FLOORS[parts[1]] < FLOORS[mine], f"{mine} imports {parts[1]}"


def test_nothing_stands_outside_of_the_house():
    names = {path.relative_to(PACKAGE).with_suffix("").parts[0] for path in FILES}
    assert names - {"__init__", "__main__"} == set(FLOORS)


def test_ops_know_no_files_and_no_json():
    for path in (PACKAGE / "ops").glob("*.py"):
        assert not imported(path) & {"json", "os", "pathlib", "shutil", "io", "pathlib.Path"}, path


@pytest.mark.parametrize("name", ["wandb", "av", "timm"])
def test_heavy_libraries_are_imported_lazily(name):
    for path in FILES:
        tree = ast.parse(path.read_text())
        for node in tree.body:
            names = [a.name for a in getattr(node, "names", [])] + [getattr(node, "module", "")]
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert not any((n or "").split(".")[0] == name for n in names), path
