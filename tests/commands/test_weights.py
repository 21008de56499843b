"""Each command that loads a checkpoint takes the kind of weights that it is told to."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import save_tiny_checkpoint
from data_sets import change, write_data_set
from settings import settings_of

from sgnet.inference.video_predictor import VideoPredictor, open_predictor

DATA = ("data=base", "data.root={0}/set", "split=train")
COMMANDS = {
    "evaluate": (*DATA, "output={0}/out"),
    "diagnose": DATA,
    "evaluate streamed": (*DATA, "output={0}/out", "speed=exact"),
    "predict": ("source={0}/set/train/JPEGImages/v1", "output={0}/out"),
    "export": ("output={0}/out.onnx",),
    "check_export": (*DATA, "exported={0}/none.onnx"),
    "tune_tracker": DATA,
}


def save_both(content: dict, path: Path) -> dict:
    """A checkpoint with other averaged weights, which load; gives them."""
    averaged = {name: value * 2 for name, value in content["state_dict"].items()}
    both = {"state_dict": averaged, "current_model_state": content["state_dict"]}
    torch.save(content | both, path)
    return averaged


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("weights")
    write_data_set(place / "set", seeds=range(1, 5))
    save_tiny_checkpoint(place / "raw.ckpt")
    return place


@pytest.mark.parametrize("command", COMMANDS)
def test_weights_that_a_checkpoint_lacks_are_refused_by_each_command(folder, command):
    name = command.split()[0]
    overrides = (o.format(folder) for o in COMMANDS[command])
    cfg = settings_of(name, f"checkpoint={folder}/raw.ckpt", "weights=averaged", *overrides)
    with pytest.raises(ValueError, match="raw.ckpt: expected averaged weights, got raw ones alone"):
        import_module(f"sgnet.commands.{name}").run(cfg)


@pytest.mark.parametrize("opener", [VideoPredictor.from_checkpoint, open_predictor])
def test_a_predictor_runs_the_weights_that_are_asked_for(folder, tmp_path, opener):
    content = torch.load(folder / "raw.ckpt", weights_only=True)
    averaged = save_both(content, tmp_path / "both.ckpt")
    torch.save(content | {"state_dict": averaged}, tmp_path / "averaged.ckpt")
    image = torch.randint(0, 256, (1, 64, 96, 3), dtype=torch.uint8).numpy()
    of = {}
    for name, file in (("raw", folder / "raw.ckpt"), ("averaged", tmp_path / "averaged.ckpt")):
        (of[name],) = opener(file, "cpu").stream(image)
    assert of["raw"].instances
    assert of["raw"].instances != of["averaged"].instances
    for asked, name in ((None, "averaged"), ("averaged", "averaged"), ("raw", "raw")):
        (got,) = opener(tmp_path / "both.ckpt", "cpu", weights=asked).stream(image)
        assert got.instances == of[name].instances


def test_detections_that_are_kept_of_other_weights_are_made_again(folder, tmp_path):
    save_both(torch.load(folder / "raw.ckpt", weights_only=True), tmp_path / "both.ckpt")
    data = [o.format(tmp_path) for o in DATA]
    annotations, _ = write_data_set(tmp_path / "set", seeds=[1])
    categories = [{"id": number, "name": name} for number, name in enumerate("abc", 1)]
    change(annotations, lambda document: document.update(categories=categories))
    kept = {}
    for asked in ("averaged", "raw"):
        overrides = (f"checkpoint={tmp_path}/both.ckpt", f"weights={asked}", "lowest_score=0")
        import_module("sgnet.commands.tune_tracker").run(
            settings_of("tune_tracker", *overrides, *data)
        )
        with np.load(tmp_path / "both.ckpt.detections.npz") as arrays:
            kept[asked] = arrays["scores"]
    assert len(kept["raw"])
    assert not np.array_equal(kept["raw"], kept["averaged"])
