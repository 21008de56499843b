"""Checkpoints to graphs that run without this package's models."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from sgnet.checkpoints.description import ExportDescription
from sgnet.checkpoints.loading import LoadedCheckpoint
from sgnet.export.step import ExportedStep, StepOutputs
from sgnet.files.atomic_file import atomic_path
from sgnet.inference.onnx_engine import METADATA_KEY
from sgnet.records import Category

ExportFormat = Literal["onnx", "torch_export"]
OPSET = 18
INPUTS = ("image", "previous", "is_first")


@dataclass(frozen=True)
class Graph:
    """A traced step.

    Attributes:
        program: the graph.
        input_names: of its inputs.
    """

    program: ExportedProgram
    input_names: tuple[str, ...]

    @classmethod
    def of(cls, step: ExportedStep, extra: Mapping[str, Tensor] | None = None) -> Self:
        """Traces a step.

        Args:
            step: what is exported.
            extra: examples of further inputs by name, all with one number of rows, which stays
                open.
        """
        more = extra or {}
        rows = Dim("rows", max=2**20)
        shapes = (None,) * len(INPUTS) + tuple({0: rows} for _ in more)
        with torch.no_grad():
            inputs = (*example_inputs(step), *more.values())
            program = torch.export.export(step, inputs, dynamic_shapes=shapes)
        return cls(program, (*INPUTS, *more))


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
    write = write_onnx if form == "onnx" else write_torch_export
    write(Graph.of(step), describe(step, loaded.categories, tracker), path)


def describe(
    step: ExportedStep, categories: Sequence[Category], tracker: Mapping[str, Any]
) -> dict[str, Any]:
    """What a file says about itself, so that it runs alone."""
    length, width = example_inputs(step)[1].shape
    described = ExportDescription(
        input_size=step.size,
        categories=tuple(categories),
        tracker=dict(tracker),
        features=(length, width),
        mask_stride=step.network.mask_stride,
    )
    return described.as_json()


def write_onnx(graph: Graph, description: Mapping[str, Any], path: str | Path) -> None:
    """Writes one file for onnxruntime.

    Raises:
        ValueError: the exporter gave nothing.
    """
    exported = torch.onnx.export(
        graph.program,
        input_names=list(graph.input_names),
        output_names=list(StepOutputs._fields),
        opset_version=OPSET,
        dynamo=True,
        custom_translation_table=translations(),
    )
    if exported is None:
        raise ValueError(f"{path}: the exporter gave no model")
    model = exported.model_proto
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(description)
    with atomic_path(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def write_torch_export(graph: Graph, description: Mapping[str, Any], path: str | Path) -> None:
    """Writes one file for `torch.export.load`."""
    buffer = io.BytesIO()
    extra = {METADATA_KEY: json.dumps(description)}
    torch.export.save(graph.program, buffer, extra_files=extra)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def example_inputs(step: ExportedStep) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs of the right shapes."""
    image = torch.zeros((3, *step.size), dtype=torch.uint8)
    with torch.no_grad():
        features = step.first_features(image)
    return image, features, torch.tensor([True])


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """For `custom_translation_table` of `torch.onnx.export`."""
    return {torch.ops.aten.repeat_interleave.Tensor: _repeat_interleave}


def _repeat_interleave(
    repeats: Any,  # noqa: ANN401 - a symbolic value of onnxscript
    output_size: Any = None,  # noqa: ANN401, ARG001
) -> Any:  # noqa: ANN401
    """Index i, repeats[i] times, for all i.

    The exporter's own compares every index with every output: instances' rows x pixels, gigabytes
    for a hundred instances. Here each index is counted up where its run begins.
    """
    from onnxscript import opset18

    op: Any = opset18  # its stubs know no symbolic values
    zero, one = op.Constant(value_ints=[0]), op.Constant(value_ints=[1])
    ends = op.CumSum(repeats, zero)
    total = op.ReduceSum(repeats, keepdims=1)
    begins = op.Expand(zero, total + one)  # [P + 1]
    counted = op.ScatterElements(
        begins, ends, op.Expand(one, op.Shape(repeats)), axis=0, reduction="add"
    )
    return op.Slice(op.CumSum(counted, zero), zero, total)
