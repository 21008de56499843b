from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from sgnet.inference.devices import torch_device
from sgnet.inference.video_predictor import VideoPredictor, open_predictor

ROOT = Path(__file__).parents[2]


@pytest.fixture
def gpus(monkeypatch):
    """Makes a machine with so many of them."""

    def make(count: int) -> None:
        accelerator = torch.device("cuda") if count else None
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: accelerator)
        monkeypatch.setattr(torch, "zeros", lambda *_, device: None)

    return make


@pytest.mark.parametrize(
    ("setting", "with_none", "with_two"),
    [
        (None, "cpu", "cuda"),
        ("cpu", "cpu", "cpu"),
        ("CPU", "cpu", "cpu"),
        (torch.device("cpu"), "cpu", "cpu"),
        ("cuda", None, "cuda"),
        ("gpu", None, "cuda"),
        ("gpu:1", None, "cuda:1"),
        ("cuda:1", None, "cuda:1"),
        ("cuda:7", None, None),
        (0, None, "cuda:0"),
        ("1", None, "cuda:1"),
        (2, None, None),
        (-1, None, None),
        (True, None, None),
        (1.5, None, None),
        ("", None, None),
        ("cuda:", None, None),
        ("cpu:3", None, None),
        ("mps", None, None),
        ("meta", None, None),
        ("tpu", None, None),
        ("abc", None, None),
    ],
)
def test_a_setting_is_a_device_that_is_here_or_refused_in_one_line(
    setting, with_none, with_two, gpus
):
    for count, expected, here in ((0, with_none, "cpu"), (2, with_two, "cpu, cuda:0, cuda:1")):
        gpus(count)
        if expected is not None:
            assert torch_device(setting) == torch.device(expected)
            continue
        with pytest.raises(ValueError, match=f"must be one that is here, {here}, got ") as error:
            torch_device(setting)
        assert str(error.value).endswith(f"got {setting!r}")
        assert "\n" not in str(error.value)


def test_a_device_that_is_here_and_cannot_be_used_is_named_in_one_line(gpus, monkeypatch):
    def busy(*_: int, device: torch.device) -> None:
        raise RuntimeError("CUDA error: all devices are busy\nCompile with TORCH_USE_CUDA_DSA")

    gpus(1)
    monkeypatch.setattr(torch, "zeros", busy)
    with pytest.raises(ValueError, match="device 'cuda' cannot be used: CUDA error: .* busy$"):
        torch_device("cuda")


@pytest.mark.parametrize("opener", [VideoPredictor.from_checkpoint, open_predictor])
def test_a_device_is_refused_before_a_checkpoint_is_read(opener, gpus):
    gpus(0)
    with pytest.raises(ValueError, match="device must be"):
        opener("not_there.ckpt", device=0)


def mains() -> dict[str, Callable[[DictConfig], object]]:
    """Commands and scripts whose settings hold a device."""
    files = [p for p in (ROOT / "conf/scripts").glob("*.yaml") if "device" in OmegaConf.load(p)]
    packages = {path.stem: "sgnet.commands" for path in files}
    packages["benchmark"] = "scripts"
    return {name: import_module(f"{place}.{name}").run for name, place in packages.items()}


def test_every_main_with_a_device_refuses_one_that_is_not_here_before_any_work(gpus):
    gpus(0)
    found = mains()
    evaluating = {"associate", "diagnose", "evaluate", "tune_tracker"}
    assert set(found) == evaluating | {"benchmark", "predict", "replay"}
    settings = {"score_threshold": 1, "lowest_score": 0, "decoder": {}, "tracker": {}}
    wanted = {"checkpoint": "no.ckpt", "speed": "exact", "compiled": False, "fill_up": False}
    for setting in ("cuda", 0):
        cfg = OmegaConf.create({**settings, **wanted, "device": setting})
        for run in found.values():
            with pytest.raises(ValueError, match="device must be one that is here, cpu, got "):
                run(cfg)
