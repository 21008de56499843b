from __future__ import annotations

import torch
from torchvision.ops import box_iou

from sgnet.ops.boxes import (
    box_centers,
    boxes_to_distances,
    clip_boxes,
    distances_to_boxes,
    elementwise_iou,
)


def random_boxes(count: int) -> torch.Tensor:
    corners = torch.rand(count, 2) * 50
    return torch.cat([corners, corners + torch.rand(count, 2) * 40], dim=1)


def test_elementwise_iou_is_the_diagonal_of_torchvisions():
    first, second = random_boxes(60), random_boxes(60)
    torch.testing.assert_close(elementwise_iou(first, second), box_iou(first, second).diagonal())


def test_iou_of_empty_boxes_is_zero_and_of_none_is_none():
    assert elementwise_iou(torch.zeros(2, 4), torch.zeros(2, 4)).tolist() == [0.0, 0.0]
    assert elementwise_iou(torch.zeros(0, 4), torch.zeros(0, 4)).shape == (0,)


def test_distances_and_boxes_are_inverse():
    boxes = random_boxes(20)
    points = box_centers(boxes) + 3
    torch.testing.assert_close(distances_to_boxes(points, boxes_to_distances(points, boxes)), boxes)


def test_a_center_lies_half_way_between_the_corners():
    assert box_centers(torch.tensor([[2.0, 4.0, 12.0, 5.0]])).tolist() == [[7.0, 4.5]]
    assert box_centers(torch.zeros(0, 4)).shape == (0, 2)


def test_clipping_keeps_boxes_inside_the_frame():
    clipped = clip_boxes(torch.tensor([[-3.0, -1.0, 50.0, 70.0]]), height=36, width=40)
    assert clipped.tolist() == [[0.0, 0.0, 40.0, 36.0]]
