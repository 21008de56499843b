"""Checkpoint to tracked instances of any video."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, get_args

import torch

from sgnet.checkpoints.loading import LoadedCheckpoint, Weights, load_checkpoint
from sgnet.inference.devices import Device, torch_device
from sgnet.inference.frame_engine import TorchFrameEngine
from sgnet.inference.onnx_engine import onnx_predictor
from sgnet.inference.streaming import InstanceStreamer
from sgnet.tracking import MovementTracker

Speed = Literal["exact", "compact", "fast"]


class VideoPredictor(InstanceStreamer):
    """Streams videos through a trained network.

    for frame in VideoPredictor.from_checkpoint("last.ckpt").stream("clip.mp4"): ...
    """

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path,
        device: Device = None,
        speed: Speed = "exact",
        compiled: bool = False,
        **settings: Any,  # noqa: ANN401 - of `load_checkpoint`
    ) -> Self:
        """A predictor from a training checkpoint.

        Args:
            path: written by training.
            device: see `torch_device`; None takes a GPU where there is one.
            speed: `exact` computes in float32, `compact` too, slower on a processor and in less
                than half of the memory, `fast` in bfloat16.
            compiled: through torch.compile; the first frame of each size then takes minutes.
            **settings: `decoder` and `tracker`, mappings that replace stored settings, and
                `weights`; see `load_checkpoint`.

        Raises:
            ValueError: the file is no checkpoint, there is no such device, or a setting is wrong.
        """
        chosen = torch_device(device)  # before a file that may be large is read
        return cls.from_loaded(load_checkpoint(path, **settings), chosen, speed, compiled)

    @classmethod
    def from_loaded(
        cls,
        loaded: LoadedCheckpoint,
        device: Device = None,
        speed: Speed = "exact",
        compiled: bool = False,
    ) -> Self:
        """A predictor from a checkpoint that is in memory; see `from_checkpoint`."""
        if speed not in get_args(Speed):
            raise ValueError(f"speed must be one of {get_args(Speed)}, got {speed!r}")
        engine = TorchFrameEngine(
            loaded.model,
            loaded.decoder,
            torch_device(device),
            torch.bfloat16 if speed == "fast" else torch.float32,
            compiled,
            winograd=speed != "compact",
        )
        tracker = MovementTracker(**loaded.tracker.settings)  # its state is this predictor's alone
        return cls(engine, tracker, loaded.categories, loaded.input_size)

    @staticmethod
    def from_onnx(
        path: str | Path,
        providers: list[str] | None = None,
        threads: int | None = None,
        tracker: Mapping[str, Any] | None = None,
        fill_up: bool = False,
    ) -> InstanceStreamer:
        """A predictor from a model that `sgnet export` wrote; runs in onnxruntime.

        It is `sgnet.inference.onnx_engine.onnx_predictor`, see there; that import needs no torch.
        """
        return onnx_predictor(path, providers, threads, tracker, fill_up)


def open_predictor(
    path: str | Path,
    device: Device = None,
    speed: Speed = "exact",
    compiled: bool = False,
    decoder: Mapping[str, Any] | None = None,
    tracker: Mapping[str, Any] | None = None,
    fill_up: bool = False,
    weights: Weights | None = None,
) -> InstanceStreamer:
    """A predictor from a checkpoint, or from an exported model where the name ends in .onnx.

    Args:
        path: of either.
        device: see `VideoPredictor.from_checkpoint`; an exported model runs on the CPU.
        speed: of a checkpoint.
        compiled: of a checkpoint.
        decoder: settings that replace the checkpoint's; an exported model's are fixed.
        tracker: settings that replace the file's.
        fill_up: of an exported model; see `InstanceStreamer`.
        weights: of a checkpoint; see `load_checkpoint`.

    Raises:
        ValueError: no such file, or a setting that an exported model cannot follow.
    """
    if not is_exported(path):
        settings = {"decoder": decoder, "tracker": tracker, "weights": weights}
        return VideoPredictor.from_checkpoint(path, device, speed, compiled, **settings)
    given = {
        "weights": weights,
        "decoder": decoder,
        "compiled": compiled,
        "speed": speed != "exact",
    }
    for name, value in given.items():
        if value:
            raise ValueError(
                f"{path}: {name} cannot be set for an exported model; give it to `sgnet export`"
            )
    if device not in (None, "cpu", torch.device("cpu")):
        raise ValueError(
            f"{path}: device must be cpu for an exported model, got {device!r}; "
            "`VideoPredictor.from_onnx` takes other providers of onnxruntime"
        )
    return onnx_predictor(path, tracker=tracker, fill_up=fill_up)


def is_exported(path: str | Path) -> bool:
    """Whether a file's name says that it is an exported model."""
    return Path(path).suffix == ".onnx"
