"""Rivals run in the modes that ours runs in, and compute the same in each."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from benchmarks.contestants import Running
from benchmarks.forced import ForcedBoxes
from benchmarks.modes import fast_dtypes, rival_modes, torch_modes
from benchmarks.rivals import FCOS, MaskRCNN, YoloSeg

SIZE = (96, 128)
LOWER = Running(torch.bfloat16)


def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("device", "names"),
    [
        ("cpu", {"float32", "bfloat16"}),
        ("cuda", {"float32", "bfloat16", "float16"}),
        ("cuda:0", {"float32", "bfloat16", "float16"}),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_rivals_are_tried_in_every_mode_of_ours(device, names, compiled):
    ours = torch_modes(50, device, compiled)
    rivals = rival_modes(partial(YoloSeg, SIZE, device), fast_dtypes(device), compiled)
    assert set(ours) <= set(rivals)
    assert {name.split(",")[0] for name in ours} == names
    assert any("compiled" in name for name in rivals) == compiled
    assert "float32, contiguous" in rivals


@pytest.mark.parametrize("count", [0, 4])
def test_mask_rcnn_in_a_lower_precision_paints_about_the_same_masks(count):
    forced = ForcedBoxes.drawn(count, SIZE, 40, "cpu")
    found = []
    for running in (Running(), LOWER):
        rival = MaskRCNN(SIZE, "cpu", running)
        rival.force(forced)
        found.append(rival.detect(image()))
        assert len(rival.encode(found[-1], image())) == count
    assert all(values.dtype == torch.float32 for values in (found[1]["boxes"], found[1]["masks"]))
    torch.testing.assert_close(found[1]["boxes"], found[0]["boxes"])
    # random weights give logits in the hundreds: sigmoids near 0 and 1, and a few that tip over
    differences = (found[1]["masks"] - found[0]["masks"]).abs()
    assert count == 0 or differences.mean() < 0.01 < 0.1 < found[0]["masks"].mean()


@pytest.mark.parametrize("kind", [MaskRCNN, FCOS])
def test_weights_of_a_lower_precision_are_stored_in_it(kind):
    network = kind(SIZE, "cpu", LOWER).network
    assert {weights.dtype for weights in network.parameters()} == {torch.bfloat16}
    assert kind(SIZE, "cpu", LOWER).num_parameters == kind(SIZE, "cpu").num_parameters


def test_fcos_in_a_lower_precision_scores_and_places_about_the_same():
    outputs = []
    for running in (Running(), LOWER):
        rival = FCOS(SIZE, "cpu", running)
        rival.network.score_thresh = 0.0
        found: list = []
        rival.network.postprocess_detections = _keeps(found, rival.network.postprocess_detections)
        assert rival.detect(image())["boxes"].dtype == torch.float32
        outputs += found
    (exact, anchors), (lower, same_anchors) = outputs
    for name, levels in exact.items():
        for wanted, got in zip(levels, lower[name], strict=True):
            torch.testing.assert_close(got, wanted, atol=0.05, rtol=0.05)
    for wanted, got in zip(anchors[0], same_anchors[0], strict=True):
        torch.testing.assert_close(got, wanted, atol=0.0, rtol=0.0)


def _keeps(found, own):
    def postprocess_detections(outputs, anchors, shapes):
        found.append((outputs, anchors))
        return own(outputs, anchors, shapes)

    return postprocess_detections


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("channels_last", [False, True])
def test_yolo_runs_in_the_precision_and_layout_that_it_is_told(dtype, channels_last):
    pytest.importorskip("ultralytics")
    rival = YoloSeg(SIZE, "cpu", Running(dtype, channels_last), "yolo11n-seg.yaml")
    seen: list = []
    rival.network.model[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    rival.detect(image())
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert [pixels.dtype for pixels in seen] == [dtype]
    assert seen[0].is_contiguous(memory_format=layout)
    assert rival.network.model[1].conv.weight.dtype == dtype
    assert rival.network.model[1].conv.weight.is_contiguous(memory_format=layout)


def test_yolo_is_one_graph_for_the_compiler(monkeypatch):
    pytest.importorskip("ultralytics")
    whole = partial(torch.compile, backend="eager", fullgraph=True)  # raises where it breaks
    monkeypatch.setattr(torch, "compile", whole)
    exact, compiled = (
        YoloSeg(SIZE, "cpu", Running(compiled=through), "yolo11n-seg.yaml")
        for through in (False, True)
    )
    torch.testing.assert_close(compiled.detect(image()), exact.detect(image()))
