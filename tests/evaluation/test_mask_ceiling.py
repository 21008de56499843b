from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from sgnet.evaluation.mask_ceiling import ceiling_ious, mask_ious


def rectangle(left: int, top: int, width: int, height: int, size=(48, 64)) -> torch.Tensor:
    mask = torch.zeros(1, *size, dtype=torch.uint8)
    mask[0, top : top + height, left : left + width] = 1
    return mask


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_a_mask_of_whole_cells_loses_nothing_but_corners(stride):
    # at a corner the four values round the outermost pixel weigh 9/16, 3/16, 3/16, 1/16, ...
    mask = rectangle(2 * stride, stride, 4 * stride, 3 * stride)
    (iou,) = ceiling_ious(mask, (48, 64), stride).tolist()
    # in units of the stride a corner pixel (u, v) behind the corner is kept where its weight
    # (1/2 + u)(1/2 + v) is above one half
    offsets = [(i + 0.5) / stride for i in range(stride // 2)]
    lost = sum((0.5 + u) * (0.5 + v) <= 0.5 for u in offsets for v in offsets)
    area = 12 * stride**2
    assert iou == pytest.approx((area - 4 * lost) / area)


def test_an_object_below_half_a_cell_is_lost():
    assert ceiling_ious(rectangle(1, 1, 5, 5), (48, 64), 8).tolist() == [0]
    assert ceiling_ious(rectangle(0, 0, 0, 0), (48, 64), 8).tolist() == [0]


def test_no_mask_has_no_ceiling():
    assert ceiling_ious(torch.zeros(0, 48, 64), (48, 64), 4).shape == (0,)


@pytest.mark.parametrize("frame_size", [(48, 64), (72, 96), (60, 100)])
def test_ceilings_are_those_of_opencvs_averages_and_interpolation(frame_size):
    y, x = np.mgrid[: frame_size[0], : frame_size[1]]
    mask = ((x - 31.3) / 22) ** 2 + ((y - 20.1) / 15) ** 2 < 1
    small = cv2.resize(mask.astype(np.float32), (16, 12), interpolation=cv2.INTER_AREA)
    back = cv2.resize(small, frame_size[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    expected = (back & mask).sum() / (back | mask).sum()
    (iou,) = ceiling_ious(torch.from_numpy(mask)[None], (48, 64), 4).tolist()
    assert iou == pytest.approx(expected, abs=2e-3)
    assert 0.8 < iou < 1


def test_the_iou_of_masks_is_counted_pixel_by_pixel():
    first = torch.cat([rectangle(0, 0, 4, 2), rectangle(0, 0, 0, 0)]).bool()
    second = torch.cat([rectangle(1, 0, 4, 2), rectangle(0, 0, 0, 0)]).bool()
    assert mask_ious(first, second).tolist() == [6 / 10, 0]
