"""Checkpoints to graphs that run without this package's models."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from sgnet.checkpoint import LoadedCheckpoint
from sgnet.exported_step import ExportedStep, StepOutputs
from sgnet.onnx_engine import METADATA_KEY
from sgnet.ops.atomic_file import atomic_path

ExportFormat = Literal["onnx", "torch_export"]
OPSET = 18


def export(
    loaded: LoadedCheckpoint, tracker: dict[str, Any], path: str | Path, form: ExportFormat
) -> None:
    """Writes the whole step, from a frame to boxes, masks and new features, as one graph.

    Args:
        loaded: the checkpoint.
        tracker: its settings, which go into the file's description.
        path: of the file.
        form: `onnx`, one file for onnxruntime; `torch_export`, for `torch.export.load`.

    Raises:
        ValueError: unknown format.
    """
    if form not in ("onnx", "torch_export"):
        raise ValueError(f"format must be 'onnx' or 'torch_export', got {form!r}")
    step = ExportedStep(loaded.model, loaded.decoder, loaded.input_size).eval()
    example = example_inputs(step, loaded.input_size)
    description = {
        "input_size": list(loaded.input_size),
        "categories": [{"id": c.id, "name": c.name} for c in loaded.categories],
        "tracker": tracker,
        "features": list(example[1].shape),
    }
    with torch.no_grad():
        program = torch.export.export(step, example)
        if form == "torch_export":
            buffer = io.BytesIO()
            torch.export.save(program, buffer, extra_files={METADATA_KEY: json.dumps(description)})
            with atomic_path(path) as temporary:
                temporary.write_bytes(buffer.getvalue())
            return
        exported = torch.onnx.export(
            program,
            input_names=["image", "previous", "is_first"],
            output_names=list(StepOutputs._fields),
            opset_version=OPSET,
            dynamo=True,
        )
    if exported is None:
        raise ValueError(f"{path}: the exporter gave no model")
    model = exported.model_proto
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(description)
    with atomic_path(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def example_inputs(step: ExportedStep, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs of the right shapes."""
    image = torch.zeros((3, *size), dtype=torch.uint8)
    with torch.no_grad():
        features = step.first_features(image)
    return image, features, torch.tensor([True])
