from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from builders import save_tiny_checkpoint, tiny_model
from settings import settings_of
from torchvision.ops import nms

from sgnet.checkpoints.loading import load_checkpoint
from sgnet.commands import export as export_command
from sgnet.export.graphs import OPSET, describe, example_inputs, export, translations
from sgnet.export.step import ExportedStep, GraphDecoder
from sgnet.inference.frame_engine import TorchFrameEngine
from sgnet.inference.onnx_engine import METADATA_KEY, OnnxFrameEngine, onnx_predictor
from sgnet.inference.video_predictor import VideoPredictor, open_predictor
from sgnet.models import DetectionHead, MaskHead, SGNet, TimmFPN, TrackingHead
from sgnet.postprocess import DetectionDecoder, detection_scores


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    return save_tiny_checkpoint(folder / "tiny.ckpt", score_threshold=0.05)


@pytest.fixture(scope="module")
def onnx_file(checkpoint) -> Path:
    loaded = load_checkpoint(checkpoint)
    export(loaded, loaded.tracker.settings, checkpoint.with_suffix(".onnx"), "onnx")
    return checkpoint.with_suffix(".onnx")


def images(count: int, size: tuple[int, int] = (64, 96)) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(count)]


def test_onnxruntime_gives_the_tracks_of_torch(checkpoint, onnx_file):
    frames = images(6)
    expected = list(VideoPredictor.from_checkpoint(checkpoint, "cpu").stream(frames))
    got = list(VideoPredictor.from_onnx(onnx_file).stream(frames))
    assert sum(len(r.instances) for r in expected) > 0
    for result, wanted in zip(got, expected, strict=True):
        assert result.track_ids == wanted.track_ids
        assert result.categories == wanted.categories
        np.testing.assert_allclose(result.scores, wanted.scores, atol=1e-4)
        np.testing.assert_allclose(result.boxes_xyxy, wanted.boxes_xyxy, atol=0.05)
        for mask, other in zip(result.dense_masks, wanted.dense_masks, strict=True):
            union = (mask | other).sum()
            assert union == 0 or (mask & other).sum() / union >= 0.999


def timm_model() -> SGNet:
    pytest.importorskip("timm")
    return SGNet(
        TimmFPN("tf_efficientnet_lite0", 16),
        DetectionHead(16, 3, tower_depth=1),
        MaskHead(16, grid=3, cell_size=20.0, hidden_channels=16),
        TrackingHead(16),
    )


@pytest.mark.parametrize(
    "build",
    [timm_model, lambda: tiny_model(detail_channels=64, upsample=2)],
    ids=["timm", "detail"],
)
def test_other_networks_are_exported_like_any(checkpoint, tmp_path, build):
    torch.manual_seed(0)
    loaded = load_checkpoint(checkpoint)
    other = replace(loaded, model=build().eval())
    export(other, loaded.tracker.settings, tmp_path / "other.onnx", "onnx")
    frames = images(2)
    expected = list(VideoPredictor.from_loaded(other, "cpu").stream(frames))
    got = list(onnx_predictor(tmp_path / "other.onnx").stream(frames))
    assert sum(len(r.instances) for r in expected) > 0
    for result, wanted in zip(got, expected, strict=True):
        for mask, one in zip(result.dense_masks, wanted.dense_masks, strict=True):
            union = (mask | one).sum()
            assert union == 0 or (mask & one).sum() / union >= 0.999
        np.testing.assert_allclose(result.scores, wanted.scores, atol=1e-4)
        np.testing.assert_allclose(result.boxes_xyxy, wanted.boxes_xyxy, atol=0.05)


def test_a_frame_without_detections_runs(checkpoint, tmp_path):
    loaded = load_checkpoint(checkpoint, decoder={"score_threshold": 1.0})
    export(loaded, loaded.tracker.settings, tmp_path / "none.onnx", "onnx")
    results = list(onnx_predictor(tmp_path / "none.onnx").stream(images(2)))
    assert [r.track_ids for r in results] == [[], []]


def test_each_frame_moves_from_the_one_before_in_the_graph_too(tmp_path):
    path = save_tiny_checkpoint(tmp_path / "lively.ckpt", lively=True)
    loaded = load_checkpoint(path)
    export(loaded, loaded.tracker.settings, tmp_path / "lively.onnx", "onnx")
    engines = (
        TorchFrameEngine(loaded.model, loaded.decoder),
        OnnxFrameEngine(path.with_suffix(".onnx")),
    )
    for engine in engines:
        engine.reset()
    frames = images(3)
    results = [[engine.detect(frame) for frame in frames] for engine in engines]
    for engine, found in zip(engines, results, strict=True):
        engine.reset()
        alone = engine.detect(frames[2])
        assert np.abs(alone.movements - found[2].movements).max() > 1  # pixels
        found.append(alone)
    for wanted, got in zip(*results, strict=True):
        np.testing.assert_allclose(got.boxes_xyxy, wanted.boxes_xyxy, atol=0.05)
        np.testing.assert_allclose(got.movements, wanted.movements, atol=0.05)


def test_classes_do_not_suppress_each_other_whatever_their_number():
    random = np.random.default_rng(0)
    settings = (0.0, 1000, 0.5, 500)
    graph = GraphDecoder(*settings, longest_side=640)
    differing = 0
    for _ in range(40):
        corners, sides = random.uniform(0, 560, (500, 2)), random.uniform(20, 80, (500, 2))
        boxes = torch.from_numpy(np.hstack([corners, corners + sides]).astype(np.float32))
        scores = torch.from_numpy(random.random(500).astype(np.float32))
        labels = torch.from_numpy(random.integers(36, 40, 500))  # the last of YouTube-VIS
        alone = [
            torch.nonzero(labels == label)[:, 0][
                nms(boxes[labels == label], scores[labels == label], 0.5)
            ]
            for label in range(36, 40)
        ]
        exact = torch.cat(alone).sort().values
        differing += not torch.equal(graph._survivors(boxes, scores, labels).sort().values, exact)
    assert differing <= 2  # an IoU within rounding of the threshold


def test_a_graph_selects_what_the_decoder_selects(checkpoint):
    torch.manual_seed(0)
    loaded = load_checkpoint(checkpoint)
    decoder = DetectionDecoder(score_threshold=0.3, top_k=9, nms_threshold=0.4, max_detections=30)
    step = ExportedStep(loaded.model, decoder, (64, 96)).eval()
    with torch.no_grad():
        maps = step.network(torch.zeros(3, 64, 96, dtype=torch.uint8))
    for _ in range(5):
        frame = replace(
            maps,
            class_logits=torch.randn_like(maps.class_logits),
            centerness_logits=torch.randn_like(maps.centerness_logits),
            distances_ltrb=torch.rand_like(maps.distances_ltrb) * 3,
        )
        expected = decoder.select(
            frame.class_logits,
            frame.centerness_logits,
            frame.distances_ltrb,
            frame.grid,
            step.size,
        )
        got = step.selected(frame)
        candidates = decoder._candidates(
            detection_scores(frame.class_logits, frame.centerness_logits), frame.grid.level_sizes
        )
        assert len(candidates[0]) > len(expected.scores) > 9  # suppression and levels have a say
        for name in ("boxes_xyxy", "scores", "labels", "location_indices"):
            assert torch.equal(getattr(got, name), getattr(expected, name)), name


class Repeated(torch.nn.Module):
    def forward(self, repeats: torch.Tensor) -> torch.Tensor:
        return torch.repeat_interleave(repeats)


def test_repetitions_of_the_graph_are_those_of_torch():
    counts = torch.export.Dim("counts", min=1, max=1000)
    exported = torch.onnx.export(
        torch.export.export(Repeated(), (torch.tensor([2, 1, 3]),), dynamic_shapes=({0: counts},)),
        dynamo=True,
        opset_version=OPSET,
        custom_translation_table=translations(),
    )
    session = onnxruntime.InferenceSession(exported.model_proto.SerializeToString())
    (given,) = session.get_inputs()
    for repeats in ([4], [0], [0, 0, 0], [0, 3, 0, 0, 2, 0], [1, 1, 1], [0, 5], [7, 0]):
        (got,) = session.run(None, {given.name: np.array(repeats)})
        np.testing.assert_array_equal(got, np.repeat(np.arange(len(repeats)), repeats))


def test_the_description_has_the_settings_of_the_tracker(checkpoint):
    loaded = load_checkpoint(checkpoint)
    step = ExportedStep(loaded.model, loaded.decoder, loaded.input_size).eval()
    settings = {**loaded.tracker.settings, "max_age": 7, "class_aware": False}
    assert describe(step, loaded.categories, settings)["tracker"] == settings


def test_frames_of_another_shape_are_refused_with_the_way_out(onnx_file):
    with pytest.raises(ValueError, match=r"takes 64 x 96 .* input_size=\[64,64\]"):
        list(onnx_predictor(onnx_file).stream(images(1, (96, 96))))


def test_upright_frames_are_refused_with_the_size_of_an_upright_export(onnx_file):
    with pytest.raises(ValueError, match=r"takes 64 x 96 .* input_size=\[96,64\]"):
        list(onnx_predictor(onnx_file).stream(images(1, (192, 128))))


def test_a_graph_for_upright_frames_gives_their_tracks_and_refuses_the_others(checkpoint, tmp_path):
    loaded = load_checkpoint(checkpoint)
    upright = loaded.at_input_size((96, 64))
    export(upright, loaded.tracker.settings, tmp_path / "upright.onnx", "onnx")
    frames = images(3, (192, 128))
    expected = list(VideoPredictor.from_loaded(loaded, "cpu").stream(frames))
    exported = onnx_predictor(tmp_path / "upright.onnx")
    assert exported.input_size == (96, 64)
    got = list(exported.stream(frames))
    assert sum(len(r.instances) for r in expected) > 0
    for result, wanted in zip(got, expected, strict=True):
        assert result.track_ids == wanted.track_ids
        np.testing.assert_allclose(result.boxes_xyxy, wanted.boxes_xyxy, atol=0.1)
    with pytest.raises(ValueError, match=r"takes 96 x 64 .* input_size=\[64,96\]"):
        list(exported.stream(images(1)))


def test_sub_regions_keep_their_share_of_another_input_size(checkpoint):
    loaded = load_checkpoint(checkpoint)
    side = loaded.model.mask_head.blender.cell_size
    height, width = loaded.input_size
    sides = {
        (width, height): side,
        (2 * height, 2 * width): 2 * side,
        (height // 2, width // 2): side / 2,
    }
    for size, expected in sides.items():
        other = loaded.at_input_size(size)
        assert other.input_size == size
        assert other.model.mask_head.blender.cell_size == pytest.approx(expected)
        for tensor, same in zip(other.model.parameters(), loaded.model.parameters(), strict=True):
            assert torch.equal(tensor, same)
    assert loaded.model.mask_head.blender.cell_size == side


@pytest.mark.parametrize("form", ["onnx", "torch_export"])
def test_the_command_exports_what_belongs_to_the_input_size(checkpoint, monkeypatch, form):
    side = load_checkpoint(checkpoint).model.mask_head.blender.cell_size
    exported = []
    monkeypatch.setattr(export_command, "export", lambda *given: exported.append(given))
    overrides = (f"checkpoint={checkpoint}", f"format={form}", "input_size=[128,192]")
    export_command.run(settings_of("export", *overrides))
    ((loaded, _, _, asked),) = exported
    assert (asked, loaded.input_size) == (form, (128, 192))
    assert loaded.model.mask_head.blender.cell_size == pytest.approx(2 * side)


def test_a_predictor_of_an_exported_model_can_be_sent_to_another_process(onnx_file):
    first = onnx_predictor(onnx_file, threads=1)
    other = pickle.loads(pickle.dumps(first))
    expected, got = (list(p.stream(images(2))) for p in (first, other))
    assert any(r.instances for r in expected)
    assert [r.instances for r in got] == [r.instances for r in expected]


def test_frames_of_another_shape_are_filled_up_where_that_is_asked_for(checkpoint, onnx_file):
    frames = images(4, (96, 96))
    exact = VideoPredictor.from_checkpoint(checkpoint, "cpu")
    exact.fixed_size = exact.fill_up = True
    expected = list(exact.stream(frames))
    got = list(onnx_predictor(onnx_file, fill_up=True).stream(frames))
    assert any(r.instances for r in expected)
    for result, wanted in zip(got, expected, strict=True):
        assert result.track_ids == wanted.track_ids
        assert result.dense_masks.shape[1:] == (96, 96)
        assert (result.boxes_xyxy <= 96).all()
        assert (result.dense_masks == wanted.dense_masks).mean() > 0.999


def test_a_device_that_an_exported_model_does_not_follow_is_refused(onnx_file):
    with pytest.raises(ValueError, match="device must be cpu for an exported model, got 'cuda'"):
        open_predictor(onnx_file, "cuda")


def test_weights_are_chosen_where_a_model_is_exported_and_not_behind(onnx_file):
    with pytest.raises(ValueError, match=r"weights cannot be set .* give it to `sgnet export`"):
        open_predictor(onnx_file, weights="raw")


@pytest.mark.parametrize("size", [(64, 96), (96, 64)])
def test_torch_export_gives_what_the_step_gives(checkpoint, tmp_path, size):
    loaded = load_checkpoint(checkpoint).at_input_size(size)
    export(loaded, loaded.tracker.settings, tmp_path / "step.pt2", "torch_export")
    described = {METADATA_KEY: ""}
    program = torch.export.load(tmp_path / "step.pt2", extra_files=described).module()
    assert json.loads(described[METADATA_KEY])["input_size"] == list(size)
    step = ExportedStep(loaded.model, loaded.decoder, loaded.input_size).eval()
    image, features, first = example_inputs(step)
    image = torch.from_numpy(images(1, size)[0]).permute(2, 0, 1).contiguous()
    with torch.no_grad():
        for ours, theirs in zip(
            step(image, features, first), program(image, features, first), strict=True
        ):
            torch.testing.assert_close(ours, theirs)


def test_an_exported_model_needs_onnxruntime_and_numpy_only(onnx_file):
    code = (
        "import sys\n"
        "for name in ('torch', 'cv2', 'pycocotools', 'av', 'PIL', 'scipy'):\n"
        "    sys.modules[name] = None\n"
        "import numpy as np\n"
        "from sgnet.inference.onnx_engine import onnx_predictor\n"
        "frames = [np.zeros((80, 120, 3), dtype=np.uint8)] * 2\n"  # has to be resized
        f"results = list(onnx_predictor({str(onnx_file)!r}).stream(frames))\n"
        "print(len(results), all(r.dense_masks.shape[1:] == (80, 120) for r in results))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "2 True", done.stderr


def test_what_is_no_export_is_refused(tmp_path):
    with pytest.raises(ValueError, match="exported model not found"):
        OnnxFrameEngine(tmp_path / "none.onnx")


def test_a_frame_of_another_size_is_refused_by_the_engine(onnx_file):
    with pytest.raises(ValueError, match=r"\(64, 96\), got \(32, 32\)"):
        OnnxFrameEngine(onnx_file).detect(images(1, (32, 32))[0])


def test_an_unknown_format_is_refused(checkpoint, tmp_path):
    loaded = load_checkpoint(checkpoint)
    with pytest.raises(ValueError, match="format must be"):
        export(loaded, {}, tmp_path / "x", "tflite")
