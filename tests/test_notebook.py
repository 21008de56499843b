from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from builders import tiny_run
from hydra import compose, initialize_config_dir
from nbclient import NotebookClient

from sgnet.training.training_run import train

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_committed_without_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_the_tour_runs_on_a_tiny_checkpoint(tmp_path, monkeypatch):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        train(compose("train", tiny_run(tmp_path, "trainer.max_epochs=1")))
    monkeypatch.setenv("SGNET_CHECKPOINT", str(tmp_path / "run/checkpoints/last.ckpt"))
    monkeypatch.setenv("SGNET_ROOT", str(tmp_path / "data/shapes_small"))
    notebook = nbformat.read(ROOT / "notebooks/tour.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=240, kernel_name="python3")
    client.execute(cwd=str(tmp_path))
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 5
