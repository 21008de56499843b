"""A stranger's exported model is refused by file and entry, before a runtime opens it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sgnet.inference.onnx_engine import OnnxFrameEngine, onnx_predictor
from sgnet.inference.onnx_file import read_onnx

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

DESCRIPTION = {
    "input_size": [64, 96],
    "categories": [{"id": i, "name": name} for i, name in enumerate("abc", start=1)],
    "tracker": {"max_age": 3, "class_cost": 0.5, "size_cost": 0.0},
    "features": [129, 16],
    "mask_stride": 2,
}
BIAS = "network.class_logits.bias"


def written(path: Path, text: str | None, bias: object = (0.0, 0.0, 0.0), kind=np.float32) -> Path:
    """A graph with the inputs of an export, and one weight."""
    inputs = [
        helper.make_tensor_value_info("image", TensorProto.UINT8, [3, 64, 96]),
        helper.make_tensor_value_info("previous", TensorProto.FLOAT, [129, 16]),
        helper.make_tensor_value_info("is_first", TensorProto.BOOL, [1]),
    ]
    output = helper.make_tensor_value_info("features", TensorProto.FLOAT, [129, 16])
    node = helper.make_node("Identity", ["previous"], ["features"])
    tensor = bias
    if not isinstance(bias, TensorProto):
        tensor = numpy_helper.from_array(np.array(bias, dtype=kind), BIAS)
    graph = helper.make_graph([node], "step", inputs, [output], [tensor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    if text is not None:
        helper.set_model_props(model, {"sgnet": text})
    path.write_bytes(model.SerializeToString())
    return path


def told(**changes: object) -> str:
    return json.dumps({**DESCRIPTION, **changes})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "expected an entry 'sgnet'"),
        ("", "sgnet must be JSON"),
        ("null", "sgnet must be an object, got null"),
        ("{", "sgnet must be JSON, complete and valid"),
        ("[" * 10**5, "sgnet must be JSON"),
        (" " * (2**24 + 1), "sgnet must have at most"),
        ("1" * 10**5, "sgnet must be JSON"),
        ("{}", "sgnet"),
        (told(tracker=None), "sgnet: tracker must be"),
        (told(tracker={"age": 1}), "sgnet.tracker: .* the unknown 'age'"),
        (told(tracker={"max_age": -1}), "sgnet.tracker.max_age must be"),
        (told(tracker={"radius_scale": float("nan")}), "sgnet.tracker.radius_scale must .* NaN"),
        (told(mask_stride=0), "sgnet: mask_stride must be"),
        (told(mask_stride=3), "sgnet: mask_stride must be one of"),
        (told(features=[10**12, 16]), "sgnet: features\\[0\\] must be"),
        (told(features=[130, 16]), "sgnet.features must be that of the model's input"),
        (told(input_size=[64, 64]), "sgnet.input_size must be that of the model's input"),
        (told(input_size="64x96"), "sgnet: input_size must be two integers"),
        (told(categories=[]), "categories must have at least one"),
        (told(categories=DESCRIPTION["categories"][:2]), "sgnet.categories must .* expected 3"),
    ],
)
def test_every_entry_is_checked_where_an_exported_model_is_read(tmp_path, text, words):
    path = written(tmp_path / "crafted.onnx", text)
    with pytest.raises(ValueError, match=words) as caught:
        onnx_predictor(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < len(str(path)) + 500


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path, kind, value):
    path = written(tmp_path / "crafted.onnx", told(), [0.0, value, 0.0], kind)
    with pytest.raises(ValueError, match=f"crafted.onnx: weights '{BIAS}' must be finite"):
        OnnxFrameEngine(path)


@pytest.mark.parametrize("form", ["float_data", "bfloat16", "external"])
def test_weights_are_checked_in_every_form(tmp_path, form):
    tensor = TensorProto(name=BIAS, dims=[3], data_type=TensorProto.FLOAT)
    if form == "float_data":
        tensor.float_data.extend([0.0, float("nan"), 1.0])
    elif form == "bfloat16":
        tensor.data_type = TensorProto.BFLOAT16
        tensor.raw_data = np.array([0, 0x7FC0, 0], dtype="<u2").tobytes()
    else:
        tensor.data_location = TensorProto.EXTERNAL
    words = "must be in the file" if form == "external" else "must be finite numbers, got nan"
    with pytest.raises(ValueError, match=f"crafted.onnx: weights '{BIAS}' {words}"):
        read_onnx(written(tmp_path / "crafted.onnx", told(), tensor))


def test_an_infinite_limit_is_no_weight(tmp_path):
    content = read_onnx(written(tmp_path / "a.onnx", told(), float("inf")))
    assert content.shapes == {BIAS: ()}


def test_a_file_from_before_there_were_costs_has_none(tmp_path):
    path = written(tmp_path / "a.onnx", told(tracker={"max_age": 3}))
    expected = {"max_age": 3, "class_cost": 0.0, "size_cost": 0.0}
    assert OnnxFrameEngine(path).description.tracker == expected


def test_what_onnx_reads_is_what_is_read_here(tmp_path):
    path = written(tmp_path / "a.onnx", told())
    model = onnx.load(path)
    content = read_onnx(path)
    assert content.metadata == {entry.key: entry.value for entry in model.metadata_props}
    assert content.shapes == {t.name: tuple(t.dims) for t in model.graph.initializer}
    assert OnnxFrameEngine(path).description.as_json() == DESCRIPTION


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff" * 20, b"\x3a\xff\xff\xff\xff\x0f"])
def test_torn_and_foreign_files_are_refused(tmp_path, data):
    path = tmp_path / "torn.onnx"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"torn.onnx: expected an onnx model"):
        OnnxFrameEngine(path)
