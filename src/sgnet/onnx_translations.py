"""Operators that the ONNX exporter translates at a cost that a graph of ours cannot bear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


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
