"""8-bit models against the float32 models they were made from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import pytest
from builders import save_tiny_checkpoint

from sgnet.checkpoints.loading import load_checkpoint
from sgnet.export.graphs import export
from sgnet.export.quantization import _CalibrationFeeds, calibration_frames, quantize_onnx
from sgnet.inference.onnx_engine import OnnxFrameEngine
from sgnet.inference.sources import SourceError

ROOT = Path(__file__).parents[2]
SIZE = (64, 96)


def images(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [
        cv2.GaussianBlur(random.integers(0, 256, (*SIZE, 3), dtype=np.uint8), (9, 9), 0)
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("int8")
    checkpoint = save_tiny_checkpoint(folder / "tiny.ckpt", score_threshold=0.05)
    loaded = load_checkpoint(checkpoint)
    export(loaded, loaded.tracker.settings, folder / "tiny.onnx", "onnx")
    quantize_onnx(folder / "tiny.onnx", folder / "tiny.int8.onnx", images(8))
    return folder / "tiny.onnx", folder / "tiny.int8.onnx"


def test_features_and_scores_stay_close_to_float32(models):
    exact, small = (OnnxFrameEngine(path) for path in models)

    def features(engine: OnnxFrameEngine, image: np.ndarray) -> np.ndarray:
        return engine._session.run(None, engine.feeds(image))[-1]

    for image in images(4):
        wanted, got = (engine._session.run(None, engine.feeds(image)) for engine in (exact, small))
        assert np.abs(got[-1] - wanted[-1]).mean() < 0.03 * np.abs(wanted[-1]).max()
        assert wanted[1][:1] == pytest.approx(got[1][:1], abs=0.05)  # best score
    # and far closer than another frame is
    one, other = images(2)
    error = np.abs(features(small, one) - features(exact, one)).mean()
    assert error < 0.25 * np.abs(features(exact, other) - features(exact, one)).mean()


def test_the_file_describes_itself_as_its_source_does(models):
    exact, small = (OnnxFrameEngine(path) for path in models)
    assert small.description == exact.description


def test_float_layers_keep_their_weights(models):
    def weights(path: Path) -> dict[str, int]:
        return {w.name: w.data_type for w in onnx.load(path).graph.initializer}

    exact, small = weights(models[0]), weights(models[1])
    assert {n for n in exact if "class_logits.weight" in n} <= set(small)
    assert not any(n.endswith("class_tower.0.weight") for n in small)
    assert any("class_tower.0.weight" in n and t == onnx.TensorProto.INT8 for n, t in small.items())


def test_the_products_at_detections_multiply_integers(models):
    exact, small = (onnx.load(path).graph for path in models)
    makers = {output: node for node in small.node for output in node.output}
    products = {node.name: node for node in small.node if node.op_type == "Gemm"}
    of_scores = [n for n in exact.node if n.op_type == "Gemm" and "attention_" in n.input[1]]
    assert len(of_scores) == 2  # the hidden layer and the scores
    for node in of_scores:
        inputs = products[node.name].input[:2]
        assert [makers[name].op_type for name in inputs] == ["DequantizeLinear"] * 2, node.name


def test_integers_are_carried_to_the_products_at_detections(models):
    graph = onnx.load(models[1]).graph
    makers = {output: node for node in graph.node for output in node.output}
    (node,) = [n for n in graph.node if n.op_type == "Gemm" and "attention_hidden" in n.input[1]]
    while node.op_type != "Gather":  # which takes the detections' locations from all of them
        node = makers[node.input[0]]
    assert makers[node.input[0]].op_type == "DequantizeLinear"


def test_a_calibration_frame_comes_with_the_features_of_the_one_before(models):
    frames = images(3)
    feeds = list(_CalibrationFeeds(OnnxFrameEngine(models[0]), frames))
    assert [feed["is_first"].item() for feed in feeds] == [True, False, False]
    assert not feeds[0]["previous"].any()
    engine = OnnxFrameEngine(models[0])
    for image, feed, following in zip(frames, feeds, feeds[1:], strict=False):
        outputs = engine._session.run(None, feed)
        assert (feed["image"] == image.transpose(2, 0, 1)).all()
        np.testing.assert_array_equal(following["previous"], outputs[-1])


def test_calibration_takes_frames_from_all_over_a_video(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "0"})
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        for number in range(12):
            grey = np.full((*SIZE, 3), 20 * number, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))
    frames = calibration_frames(path, 4, SIZE)
    assert [frame.mean() for frame in frames] == pytest.approx([0, 60, 120, 180], abs=6)


def test_no_frame_is_an_error(models, tmp_path):
    with pytest.raises(ValueError, match="at least one frame, got none"):
        quantize_onnx(models[0], tmp_path / "x.onnx", [])
    assert not (tmp_path / "x.onnx").exists()


def test_calibration_takes_images_of_any_size_at_any_depth(tmp_path):
    for number, size in enumerate([(64, 96), (100, 60), (30, 300), (64, 96)]):
        path = tmp_path / str(number) / "a.png"
        path.parent.mkdir()
        cv2.imwrite(str(path), np.full((*size, 3), 10 * number + 10, dtype=np.uint8))
    frames = calibration_frames(tmp_path, 3, SIZE)
    assert [frame.shape for frame in frames] == [(*SIZE, 3)] * 3
    assert [frame.max() for frame in frames] == [10, 30, 40]  # evenly spread


def test_calibration_takes_the_frames_of_the_graphs_orientation(tmp_path, caplog):
    for number, size in enumerate([(64, 96), (192, 128), (64, 64), (96, 64)]):
        cv2.imwrite(
            str(tmp_path / f"{number}.png"), np.full((*size, 3), 10 * number + 10, np.uint8)
        )
    for size, expected in (((64, 96), [10, 30]), ((96, 64), [20, 40])):
        caplog.clear()
        frames = calibration_frames(tmp_path, 4, size)
        assert [frame.shape for frame in frames] == [(*size, 3)] * 2
        assert [frame.max() for frame in frames] == expected
        assert "2 of 4 frames are" in caplog.text
    assert len(calibration_frames(tmp_path, 4, (64, 64))) == 4


def test_calibration_without_a_frame_of_the_graphs_orientation_is_an_error(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((64, 96, 3), np.uint8))
    with pytest.raises(SourceError, match="96 x 64 .* got none: 1 of 1 frames are landscape"):
        calibration_frames(tmp_path, 3, (96, 64))


def test_a_folder_without_images_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="found none"):
        calibration_frames(tmp_path, 3, SIZE)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("format=onnx_int8", "onnx_int8 needs calibration="),
        ("format=tflite", "format must be one of"),
    ],
)
def test_the_script_says_what_is_missing(models, tmp_path, argument, message):
    script = ROOT / "scripts/export.py"
    checkpoint = models[0].parent / "tiny.ckpt"
    done = subprocess.run(
        [sys.executable, str(script), f"checkpoint={checkpoint}", f"output={tmp_path}/x", argument],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert message in done.stderr + done.stdout
