"""Who may import whom: structures and ops below, the parts beside each other, wiring above."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/sgnet"
LEVELS = {
    "records": 0,
    "structures": 0,
    "category_names": 0,
    "ops": 0,
    "checkpoint": 2,
    "distributed": 2,
    "checkpoint_io": 3,
    "callbacks": 6,
    "loggers": 2,
    "manifest": 3,
    "replay": 6,
    "reports": 2,
    "data_check": 2,
    "chunk_predictor": 2,
    "prediction": 4,
    "conversion": 2,
    "split_tracking": 5,
    "benchmark": 5,
    "streaming": 2,
    "detection_cache": 3,
    "frame_engine": 2,
    "exported_step": 2,
    "onnx_engine": 3,
    "export": 4,
    "onnx_translations": 3,
    "quantization": 4,
    "video_predictor": 4,
    "lightning_module": 5,
    "sweeps": 3,
    "weights": 3,
    "training": 7,
}
FILES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
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
    mine = part_of(path)
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "hydra":
            assert mine == "training", "Hydra belongs into mains and training.py"
        if parts[0] != "sgnet" or len(parts) < 2 or parts[1] == mine or mine == "__init__":
            continue
        low, high = LEVELS.get(parts[1], 1), LEVELS.get(mine, 1)
        assert low < high or (low == high and low != 1), f"{mine} imports {parts[1]}"


@pytest.mark.parametrize("name", ["wandb", "av", "timm"])
def test_heavy_libraries_are_imported_lazily(name):
    for path in FILES:
        tree = ast.parse(path.read_text())
        for node in tree.body:
            names = [a.name for a in getattr(node, "names", [])] + [getattr(node, "module", "")]
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert not any((n or "").split(".")[0] == name for n in names), path
