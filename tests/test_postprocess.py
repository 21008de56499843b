from __future__ import annotations

import pytest
import torch
from builders import tiny_model

from sgnet.inference.chunk_predictor import frame_masks
from sgnet.ops.box_pixels import box_pixels
from sgnet.ops.mask_assembly import BlendedMasks
from sgnet.postprocess import DetectionDecoder, binary_masks


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
