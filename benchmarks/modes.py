"""The ways in which the contestants can run; picklable builders by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.contestants import (
    EXACT,
    Builder,
    Contestant,
    Ours,
    OursOnnx,
    Running,
    our_model,
)
from benchmarks.forced import ForcedBoxes
from benchmarks.forced_step import ForcedOnnxEngine, export_forced
from sgnet.export.quantization import quantize_onnx

CALIBRATION_FRAMES = 4  # the weights are random; the scales only have to exist


def build_ours(depth: int, device: str, running: Running = EXACT) -> Ours:
    """Our network on torch."""
    return Ours(our_model(depth), device, running)


def build_onnx(path: str) -> OursOnnx:
    """Our network on onnxruntime, with as many threads as torch has."""
    return OursOnnx(ForcedOnnxEngine(path, threads=torch.get_num_threads()))


def fast_dtypes(device: str) -> tuple[torch.dtype, ...]:
    """The precisions that every contestant is tried in on a device, ours and rivals alike."""
    if torch.device(device).type == "cpu":
        return torch.float32, torch.bfloat16
    return torch.float32, torch.bfloat16, torch.float16


def torch_modes(depth: int, device: str, compiled: bool) -> dict[str, Builder]:
    """Our network on torch in its fast modes.

    Args:
        depth: of the backbone.
        device: where it runs.
        compiled: with torch.compile too.
    """
    runnings = [
        Running(dtype, compiled=through)
        for dtype in fast_dtypes(device)
        for through in ((False, True) if compiled else (False,))
    ]
    return {r.name: partial(build_ours, depth, device, r) for r in runnings}


def onnx_modes(depth: int, size: tuple[int, int], folder: Path) -> dict[str, Builder]:
    """Our network on onnxruntime; exports it.

    Args:
        depth: of the backbone.
        size: (height, width) of the frame.
        folder: for the models.
    """
    exact, small = folder / f"r{depth}.onnx", folder / f"r{depth}_int8.onnx"
    export_forced(our_model(depth), size, exact)
    random = np.random.default_rng(0)
    frames = [
        random.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(CALIBRATION_FRAMES)
    ]
    engine = ForcedOnnxEngine(exact)
    engine.forced = ForcedBoxes.drawn(10, size, 2, "cpu")
    quantize_onnx(exact, small, frames, engine)
    return {
        "float32, onnxruntime": partial(build_onnx, str(exact)),
        "int8, onnxruntime": partial(build_onnx, str(small)),
    }


def rival_modes(
    make: Callable[..., Contestant], types: Sequence[torch.dtype], compiled: bool
) -> dict[str, Builder]:
    """A rival in both memory layouts, several precisions, and through torch.compile.

    Args:
        make: takes `running`.
        types: precisions; only channels-last for those below float32.
        compiled: with torch.compile too.
    """
    runnings = [
        Running(dtype, layout, through)
        for dtype in types
        for layout in ((False, True) if dtype == torch.float32 else (True,))
        for through in ((False, True) if compiled and layout else (False,))
    ]
    return {running.name: partial(make, running=running) for running in runnings}
