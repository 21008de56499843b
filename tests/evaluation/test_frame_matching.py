from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from sgnet.evaluation.frame_matching import mask_overlaps, matched_objects
from sgnet.ops.box_overlaps import box_overlaps
from sgnet.ops.rle import encode


@pytest.mark.parametrize(("detections", "objects"), [(0, 0), (0, 2), (3, 0), (4, 5)])
def test_overlaps_of_boxes_are_torchvisions(detections, objects):
    random = np.random.default_rng(0)
    first, second = (
        np.concatenate([c := random.uniform(0, 9, (n, 2)), c + random.uniform(0, 9, (n, 2))], 1)
        for n in (detections, objects)
    )
    expected = box_iou(torch.from_numpy(first), torch.from_numpy(second)).numpy()
    np.testing.assert_allclose(box_overlaps(first, second), expected, atol=1e-12)


def test_boxes_without_area_overlap_nothing():
    point = np.array([[1.0, 1, 1, 1]])
    assert box_overlaps(point, point).tolist() == [[0]]


def test_overlaps_of_masks_are_counted_pixel_by_pixel():
    masks = np.random.default_rng(0).random((5, 6, 7)) < 0.4
    expected = [[(a & b).sum() / (a | b).sum() for b in masks[3:]] for a in masks[:3]]
    first, second = [encode(m) for m in masks[:3]], [encode(m) for m in masks[3:]]
    np.testing.assert_allclose(mask_overlaps(first, second), expected, atol=1e-12)
    assert mask_overlaps([], second).shape == (0, 2)
    assert mask_overlaps(first, []).shape == (3, 0)


@pytest.mark.parametrize(
    ("ious", "expected"),
    [
        (np.zeros((0, 2)), []),
        (np.zeros((2, 0)), [-1, -1]),
        ([[0.6, 0.9], [0.2, 0.8]], [1, -1]),  # the first takes the best, the second no other's
        ([[0.6, 0.9], [0.5, 0.8]], [1, 0]),
        ([[0.499]], [-1]),
    ],
)
def test_detections_choose_in_their_order(ious, expected):
    assert matched_objects(np.array(ious, dtype=float)).tolist() == expected
