"""What is measured is the same for all; nothing here looks at a clock."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from builders import tiny_model

from benchmarks.compare import compare
from benchmarks.contestants import Ours
from benchmarks.forced import ForcedBoxes
from benchmarks.forced_step import export_forced
from benchmarks.lineup import BenchmarkSettings
from benchmarks.modes import build_onnx
from benchmarks.rivals import FCOS, MaskRCNN
from benchmarks.stages import STAGES, stage_times
from benchmarks.timing import time_in_turn
from sgnet.ops.rle import area

SIZE = (128, 192)


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def ours() -> Ours:
    torch.manual_seed(0)
    return Ours(tiny_model(40).eval(), "cpu")


def run(contestant, forced: ForcedBoxes):
    contestant.force(forced)
    return contestant.encode(contestant.detect(image()), image())


@pytest.mark.parametrize("count", [0, 1, 30])
def test_forced_boxes_lie_in_the_frame_and_repeat(count):
    forced = ForcedBoxes.drawn(count, (360, 640), 40, "cpu")
    assert forced.boxes_xyxy.shape == (count, 4)
    assert (forced.boxes_xyxy >= 0).all()
    assert (forced.boxes_xyxy <= torch.tensor([640, 360, 640, 360])).all()
    assert (forced.scores.diff() <= 0).all()
    again = ForcedBoxes.drawn(count, (360, 640), 40, "cpu")
    torch.testing.assert_close(forced.boxes_xyxy, again.boxes_xyxy)


@pytest.mark.parametrize("count", [0, 3, 20])
def test_all_contestants_give_as_many_instances_as_were_forced(count):
    forced = ForcedBoxes.drawn(count, (100, 150), 40, "cpu")
    instances = run(ours(), forced)
    assert len(instances) == count
    rival = run(MaskRCNN(SIZE, "cpu"), forced)
    assert len(rival) == count
    if count:
        assert sum(area(rle) for rle in rival) > 0
        boxes = torch.tensor([i.box_xyxy for i in instances])
        torch.testing.assert_close(boxes, forced.boxes_xyxy)


def test_fcos_gives_boxes():
    assert "boxes" in FCOS(SIZE, "cpu").detect(image())


def test_what_comes_before_run_lengths_is_named_by_what_it_is():
    forced = ForcedBoxes.drawn(2, SIZE, 40, "cpu")
    small, rival = ours(), MaskRCNN(SIZE, "cpu")
    for contestant in (small, rival):
        contestant.force(forced)
    detections, _ = small.detect(image())
    assert detections.mask_size == (SIZE[0] // 2, SIZE[1] // 2)
    assert small.before_encoding == "masks at stride 2"
    assert rival.detect(image())["masks"].shape[2:] == SIZE
    assert rival.before_encoding == "full-size masks"


def test_every_entry_runs_twice_a_round_in_turn():
    calls: list[str] = []
    times = time_in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3, 2)
    assert calls == ["a", "a", "b", "b"] * 5
    assert set(times) == {"a", "b"}


def test_every_stage_is_timed():
    forced = ForcedBoxes.drawn(3, (100, 150), 40, "cpu")
    assert tuple(stage_times(ours(), image(), forced, 1)) == STAGES


def test_a_graph_with_forced_detections_gives_the_masks_of_torch(tmp_path):
    size = (64, 96)
    torch.manual_seed(0)
    model = tiny_model(40).eval()
    export_forced(model, size, tmp_path / "forced.onnx")
    picture = image()[: size[0], : size[1]]
    graph, exact = build_onnx(str(tmp_path / "forced.onnx")), Ours(model, "cpu")
    for count in (1, 5, 40):
        forced = ForcedBoxes.drawn(count, size, 40, "cpu")
        found = []
        for contestant in (graph, exact):
            contestant.engine.reset()
            contestant.force(forced)
            found.append(contestant.encode(contestant.detect(picture), picture))
        assert len(found[0]) == count
        areas = [[area(instance.mask) for instance in instances] for instances in found]
        np.testing.assert_allclose(areas[0], areas[1], atol=3)


@pytest.mark.slow
def test_the_whole_benchmark_runs():
    settings = BenchmarkSettings((128, 192), 1, 0, compile_too=False, depths=(18,))
    figures = compare(settings)
    for mode in ("exact", "fastest"):
        assert None not in figures[mode].values()
        assert figures[mode]["maskrcnn_10_over_ours"] > 0
        assert figures["memory_mb"][f"{mode} 10"] > 0
    assert figures["failures"] == {}
    assert set(figures["not_tried"]) == {"Mask R-CNN", "FCOS", "YOLO11m-seg, network"}
    assert "YOLO11m-seg, network fastest 10" in figures["milliseconds"]
    json.dumps(figures, allow_nan=False)
