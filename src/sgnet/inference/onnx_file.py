"""What an onnx file holds, read from its bytes before any runtime opens it; needs no onnx.

Only the few fields of ONNX's protobuf messages that are checked are read; numbers as in onnx.proto.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MODEL_GRAPH, MODEL_METADATA = 7, 14
ENTRY_KEY, ENTRY_VALUE = 1, 2
GRAPH_NODE, GRAPH_TENSOR = 1, 5
NODE_ATTRIBUTE = 5
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH = 5, 6
TENSOR_DIMS, TENSOR_TYPE, TENSOR_FLOATS, TENSOR_NAME, TENSOR_RAW = 1, 2, 4, 8, 9
TENSOR_DOUBLES, TENSOR_PLACE = 10, 14
RAW_FORMS = {1: "<f4", 10: "<f2", 11: "<f8", 16: "<u2"}  # of data types; 16 is bfloat16
BFLOAT16 = 16
VARINT, EIGHT, LENGTH, FOUR = 0, 1, 2, 5  # wire types
LONGEST_VARINT = 10  # bytes
Value = int | memoryview


@dataclass
class OnnxContent:
    """What was found.

    Attributes:
        metadata: the file's own entries.
        shapes: of its tensors, by name.
    """

    metadata: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


def read_onnx(path: str | Path) -> OnnxContent:
    """Reads a model's entries and checks its weights.

    Raises:
        ValueError: no onnx model, weights in another file, or weights that are no finite numbers,
            by name; a single number without dimensions may be infinite, as limits are.
    """
    try:
        with Path(path).open("rb") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # the second for an empty file
        raise ValueError(f"{path}: expected an onnx model of export.py: {error}") from error
    try:
        return _content(str(path), view)
    except (_NoMessageError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected an onnx model of export.py: {error}") from error


class _NoMessageError(Exception):
    """Bytes that are no message of protobuf."""


def _content(file: str, view: memoryview) -> OnnxContent:
    content = OnnxContent()
    for entry in _parts(view, MODEL_METADATA):
        key, text = (_text(entry, number) for number in (ENTRY_KEY, ENTRY_VALUE))
        content.metadata[key] = text
    for graph in _parts(view, MODEL_GRAPH):
        for tensor in _tensors(graph):
            name = _text(tensor, TENSOR_NAME)
            content.shapes[name] = _checked_shape(f"{file}: weights {name!r}", tensor)
    return content


def _tensors(graph: memoryview) -> Iterator[memoryview]:
    """Those of a graph, of its constants and of the graphs inside it."""
    graphs = [graph]
    while graphs:
        graph = graphs.pop()
        yield from _parts(graph, GRAPH_TENSOR)
        for node in _parts(graph, GRAPH_NODE):
            for attribute in _parts(node, NODE_ATTRIBUTE):
                yield from _parts(attribute, ATTRIBUTE_TENSOR)
                graphs += _parts(attribute, ATTRIBUTE_GRAPH)


def _checked_shape(where: str, tensor: memoryview) -> tuple[int, ...]:
    """Shape of a tensor whose numbers are in this file, and finite."""
    fields: dict[int, list[Value]] = {}
    for number, value in _fields(tensor):
        fields.setdefault(number, []).append(value)
    if any(place != 0 for place in fields.get(TENSOR_PLACE, [])):
        raise ValueError(f"{where} must be in the file, got those of another file")
    shape = tuple(_numbers(fields.get(TENSOR_DIMS, [])))
    kind = fields.get(TENSOR_TYPE, [0])[-1]
    forms = {TENSOR_FLOATS: "<f4", TENSOR_DOUBLES: "<f8"}
    if isinstance(kind, int) and kind in RAW_FORMS:
        forms[TENSOR_RAW] = RAW_FORMS[kind]
    for number, form in forms.items():
        for value in fields.get(number, []):
            if isinstance(value, int):
                continue
            values = _array(value, form)
            if kind == BFLOAT16 and number == TENSOR_RAW:
                values = (values.astype("<u4") << 16).view("<f4")
            _require_finite(where, values, is_limit=not shape)
    return shape


def _require_finite(where: str, values: NDArray[np.generic], is_limit: bool) -> None:
    wrong = np.isnan(values) if is_limit else ~np.isfinite(values)
    if wrong.any():
        raise ValueError(
            f"{where} must be finite numbers, got {values[wrong][0]} "
            f"({int(wrong.sum())} of {values.size} are not finite)"
        )


def _array(value: memoryview, form: str) -> NDArray[np.generic]:
    size = np.dtype(form).itemsize
    if len(value) % size:
        raise _NoMessageError(f"numbers of {size} bytes, got {len(value)} bytes")
    return np.frombuffer(value, dtype=form)


def _numbers(values: list[Value]) -> Iterator[int]:
    """Whole numbers, one by one or packed."""
    for value in values:
        if isinstance(value, int):
            yield value
            continue
        position = 0
        while position < len(value):
            number, position = _varint(value, position)
            yield number


def _text(message: memoryview, wanted: int) -> str:
    texts = [bytes(part) for part in _parts(message, wanted)]
    return texts[-1].decode("utf-8") if texts else ""


def _parts(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """The texts or messages of one number."""
    for number, value in _fields(message):
        if number == wanted and not isinstance(value, int):
            yield value


def _fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Number and value of each field: a whole number, or bytes of whatever else."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            whole, position = _varint(message, position)
            yield number, whole
            continue
        if wire == LENGTH:
            length, position = _varint(message, position)
        elif wire in (EIGHT, FOUR):
            length = 8 if wire == EIGHT else 4
        else:
            raise _NoMessageError(f"no field of kind {wire}")
        if length > len(message) - position:
            raise _NoMessageError(f"a field of {length} bytes, {len(message) - position} are left")
        yield number, message[position : position + length]
        position += length


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """A whole number and where it ends."""
    value = 0
    for index in range(LONGEST_VARINT):
        if position + index >= len(message):
            raise _NoMessageError("a number that does not end")
        byte = message[position + index]
        value |= (byte & 127) << (7 * index)
        if byte < 128:
            return value, position + index + 1
    raise _NoMessageError("a number that does not end")
