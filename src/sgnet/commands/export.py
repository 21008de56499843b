"""A checkpoint to one graph: frame and the last frame's features in, instances and features out.

sgnet export checkpoint=runs/demo/checkpoints/last.ckpt format=onnx
sgnet export checkpoint=... format=onnx_int8 calibration=data/shapes_small/train
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from omegaconf import DictConfig

from sgnet.checkpoints.loading import load_checkpoint
from sgnet.commands.settings import given
from sgnet.export.graphs import export
from sgnet.export.quantization import calibration_frames, quantize_onnx
from sgnet.files.atomic_file import require_writable_file
from sgnet.files.outputs import keep_inputs
from sgnet.ops.frame_sizes import checked_size

SUFFIXES = {"onnx": ".onnx", "onnx_int8": ".int8.onnx", "torch_export": ".pt2"}


def run(cfg: DictConfig) -> None:
    """Exports and shows the file."""
    sys.stdout.write(f"{_export(cfg)}\n")


def _export(cfg: DictConfig) -> Path:
    if cfg.format not in SUFFIXES:
        raise ValueError(f"format must be one of {', '.join(SUFFIXES)}, got {cfg.format!r}")
    output = Path(cfg.output or Path(cfg.checkpoint).with_suffix(SUFFIXES[cfg.format]))
    keep_inputs([output], [cfg.checkpoint, cfg.calibration])
    require_writable_file(output)
    loaded = load_checkpoint(cfg.checkpoint, given(cfg.decoder), given(cfg.tracker), cfg.weights)
    if cfg.input_size is not None:
        loaded = loaded.at_input_size(checked_size(cfg.input_size))
    if cfg.format != "onnx_int8":
        export(loaded, loaded.tracker.settings, output, cfg.format)
        return output
    if cfg.calibration is None:
        raise ValueError("onnx_int8 needs calibration=, a folder of training images or a video")
    frames = calibration_frames(cfg.calibration, cfg.calibration_frames, loaded.input_size)
    with TemporaryDirectory() as folder:
        exact = Path(folder, "float32.onnx")
        export(loaded, loaded.tracker.settings, exact, "onnx")
        quantize_onnx(exact, output, frames)
    return output
