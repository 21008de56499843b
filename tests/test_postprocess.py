from __future__ import annotations

from functools import partial

import pytest
import torch
from builders import tiny_model

from sgnet.export.step import GraphDecoder
from sgnet.inference.chunk_predictor import frame_masks
from sgnet.ops.box_pixels import box_pixels
from sgnet.ops.mask_assembly import BlendedMasks
from sgnet.postprocess import DetectionDecoder, binary_masks, detection_scores
from sgnet.structures import LocationGrid

SIZE = (64, 96)
DECODERS = {"frames": DetectionDecoder, "graphs": partial(GraphDecoder, longest_side=96)}


def outputs():
    torch.manual_seed(0)
    model = tiny_model().eval()
    for parameter in model.detection_head.class_logits.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    with torch.no_grad():
        return model, model(torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8))


def test_a_detection_carries_what_its_location_predicted():
    _, dense = outputs()
    for frame, found in enumerate(DetectionDecoder(0.05, 50, 0.6, 20)(dense, (64, 96))):
        index = found.location_indices
        assert 0 < index.shape[0] <= 20
        assert (found.scores.diff() <= 0).all()
        torch.testing.assert_close(found.locations, dense.locations[index])
        pixels = dense.movements[frame, index] * dense.strides[index][:, None]
        torch.testing.assert_close(found.movements, pixels)
        assert found.boxes_xyxy.min() >= 0
        assert found.boxes_xyxy[:, 2].max() <= 96


def test_a_high_threshold_gives_empty_detections_and_masks():
    model, dense = outputs()
    found = DetectionDecoder(score_threshold=1.0)(dense, (64, 96))[0]
    assert found.boxes_xyxy.shape == (0, 4)
    assert frame_masks(model, dense, 0, found, (128, 192)).shape == (0, 128, 192)


def test_top_k_holds_for_each_level():
    _, dense = outputs()
    found = DetectionDecoder(0.0, top_k=2, nms_threshold=1.0)(dense, (64, 96))[0]
    levels = torch.searchsorted(
        torch.tensor(dense.level_sizes).cumsum(0), found.location_indices, right=True
    )
    assert levels.bincount(minlength=5).tolist() == [2, 2, 2, 2, 2]


@pytest.mark.parametrize("original", [(64, 96), (128, 192), (50, 33)])
def test_masks_stay_inside_their_boxes_in_the_original_frame(original):
    boxes = torch.tensor([[16.0, 8.0, 48.0, 40.0]])
    pixels = box_pixels(boxes, (32, 48), 2)
    masks = binary_masks(
        BlendedMasks(pixels, torch.full(pixels.rows.shape, 9.0)), (32, 48), original
    )
    rows, columns = masks[0].nonzero(as_tuple=True)
    scale_y, scale_x = original[0] / 64, original[1] / 96
    assert rows.min() == pytest.approx(8 * scale_y, abs=1)
    assert rows.max() + 1 == pytest.approx(40 * scale_y, abs=1)
    assert columns.min() == pytest.approx(16 * scale_x, abs=1)
    assert columns.max() + 1 == pytest.approx(48 * scale_x, abs=1)


def selected(decoder, boxes, probabilities, centerness=1.0):
    """What a decoder keeps of boxes [L, 4] whose classes have probabilities [L, K].

    Each box comes from a location of its own in its middle, all of one level of stride 8.
    """
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    classes = torch.tensor(probabilities, dtype=torch.float32).reshape(len(boxes), -1)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    distances = torch.cat([middles - boxes[:, :2], boxes[:, 2:] - middles], dim=1) / 8
    grid = LocationGrid(middles, torch.full((len(boxes),), 8), (len(boxes),))
    share = torch.full((len(boxes),), centerness)
    return decoder.select(classes.logit(), share.logit(eps=1e-7), distances, grid, SIZE)


APART = [(0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10), (60, 0, 70, 10)]


def test_a_score_is_the_root_of_class_times_centerness():
    classes = torch.tensor([[0.64, 0.09], [0.25, 0.81]])
    found = detection_scores(classes.logit(), torch.tensor([0.25, 0.36]).logit())
    torch.testing.assert_close(found, torch.tensor([[0.4, 0.15], [0.3, 0.54]]))


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
def test_the_threshold_is_one_of_the_root(decoder):
    found = selected(decoder(0.3), APART[:2], [[0.64], [0.30]], centerness=0.25)  # 0.4 and 0.27
    assert found.scores.tolist() == pytest.approx([0.4])
    assert found.location_indices.tolist() == [0]


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
@pytest.mark.parametrize("most", [1, 2, 3, 4, 9])
def test_no_more_than_the_best_max_detections_are_kept(decoder, most):
    found = selected(decoder(0.1, max_detections=most), APART, [[0.5], [0.9], [0.3], [0.7]])
    assert found.location_indices.tolist() == [1, 3, 0, 2][:most]


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
def test_a_box_suppresses_those_of_its_class_alone(decoder):
    same = [(10, 10, 40, 40)] * 3
    found = selected(decoder(0.2), same, [[0.9, 0.01], [0.01, 0.8], [0.7, 0.01]])
    assert found.location_indices.tolist() == [0, 1]
    assert found.labels.tolist() == [0, 1]


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
def test_nothing_above_the_threshold_gives_nothing(decoder):
    assert selected(decoder(0.5), APART, [[0.2]] * 4).boxes_xyxy.shape == (0, 4)


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
def test_sides_lie_as_many_strides_of_its_level_from_a_location_as_it_says(decoder):
    places = torch.tensor([[40.0, 30.0], [48.0, 32.0]])
    grid = LocationGrid(places, torch.tensor([8, 16]), (1, 1))
    distances = torch.tensor([[1.0, 2.0, 3.0, 0.5], [1.0, 1.5, 2.0, 1.0]])
    logits = torch.tensor([[3.0], [2.0]])
    found = decoder(0.2, nms_threshold=1.0).select(logits, torch.ones(2), distances, grid, SIZE)
    assert found.boxes_xyxy.tolist() == [[32, 14, 64, 34], [32, 8, 80, 48]]


def test_masks_are_cut_between_the_samples_of_their_map():
    # samples in the middle of four pixels; from 0.9 to 0.3, 0.5 is two thirds of the way: 6 + 2.67
    pixels = box_pixels(torch.tensor([[0.0, 0.0, 16.0, 4.0]]), (1, 4), 4)
    logits = torch.tensor([0.9, 0.9, 0.3, 0.3]).logit()
    (mask,) = binary_masks(BlendedMasks(pixels, logits), (1, 4), (4, 16))
    assert mask.int().tolist() == [[1] * 9 + [0] * 7] * 4


def overlap(one: list[float], other: list[float]) -> float:
    """IoU of two boxes."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, wide) * max(0.0, high)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return both / (sum(areas) - both)


@pytest.mark.parametrize("decoder", DECODERS.values(), ids=DECODERS)
@pytest.mark.parametrize("seed", range(5))
def test_what_is_kept_equals_a_plain_loop(decoder, seed):
    torch.manual_seed(seed)
    corners = torch.rand(60, 2) * torch.tensor([70.0, 40.0])
    boxes = torch.cat([corners, corners + 8 + torch.rand(60, 2) * 16], dim=1).tolist()
    probabilities = torch.rand(60, 3).tolist()
    found = selected(decoder(0.4, 1000, 0.3, 20), boxes, probabilities)
    ranked = sorted(
        (
            (probability**0.5, place, label)
            for place, row in enumerate(probabilities)
            for label, probability in enumerate(row)
        ),
        reverse=True,
    )
    kept: list[tuple[int, int]] = []
    for score, place, label in ranked:
        rivals = [boxes[other] for other, of_class in kept if of_class == label]
        if score > 0.4 and all(overlap(boxes[place], rival) <= 0.3 for rival in rivals):
            kept.append((place, label))
    got = list(zip(found.location_indices.tolist(), found.labels.tolist(), strict=True))
    assert got == kept[:20]
    assert len(kept) > 20
