from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from sgnet.losses.terms import (
    centerness_loss,
    classification_loss,
    giou_loss,
    iou_loss,
    log_giou_loss,
    mask_boxes,
    mask_coverage,
    mask_loss,
    movement_loss,
    weighted_box_loss,
)
from sgnet.ops.box_pixels import box_pixels
from sgnet.ops.mask_assembly import BlendedMasks


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def count(value):
    return torch.tensor(float(value))


# boxes (0,0,2,2) and (1,1,3,3): intersection 1, union 7, hull 9
@pytest.mark.parametrize(
    ("first", "second", "giou"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7 - 2 / 9),
        ((0, 0, 1, 1), (3, 0, 4, 1), 0 - 2 / 4),
        ((0, 0, 4, 4), (1, 1, 3, 3), 4 / 16),
    ],
)
def test_equation_5_by_hand(first, second, giou):
    loss = log_giou_loss(boxes(first), boxes(second))
    assert loss.item() == pytest.approx(-math.log((1 + giou) / 2), abs=1e-6)
    assert giou_loss(boxes(first), boxes(second)).item() == pytest.approx(1 - giou, abs=1e-6)


@pytest.mark.parametrize("gap", [1e3, 1e6, 1e9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equation_5_stays_finite_as_giou_goes_to_minus_one(gap, dtype):
    near = torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=dtype, requires_grad=True)
    far = torch.tensor([[gap, gap, gap + 1, gap + 1]], dtype=dtype)
    loss = log_giou_loss(near, far)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(near.grad).all()


def test_iou_loss_by_hand_and_without_overlap():
    assert iou_loss(boxes((0, 0, 2, 2)), boxes((1, 1, 3, 3))).item() == pytest.approx(math.log(7))
    assert torch.isfinite(iou_loss(boxes((0, 0, 1, 1)), boxes((5, 5, 6, 6)))).all()


def test_box_loss_is_weighted_by_centerness():
    losses, weights = torch.tensor([1.0, 4.0]), torch.tensor([0.5, 1.0])
    assert weighted_box_loss(losses, weights, count(1.5)).item() == pytest.approx((0.5 + 4) / 1.5)
    assert weighted_box_loss(torch.zeros(0), torch.zeros(0), count(1)).item() == 0


def test_classification_loss_is_the_focal_formula_over_the_count():
    torch.manual_seed(0)
    logits = torch.randn(2, 5, 3, dtype=torch.float64)
    frames, locations, labels = torch.tensor([0, 1]), torch.tensor([4, 2]), torch.tensor([2, 0])
    total = 0.0
    for b in range(2):
        for i in range(5):
            for k in range(3):
                positive = (b, i, k) in {(0, 4, 2), (1, 2, 0)}
                p = 1 / (1 + math.exp(-logits[b, i, k]))
                p_t, alpha = (p, 0.25) if positive else (1 - p, 0.75)
                total -= alpha * (1 - p_t) ** 2 * math.log(p_t)
    loss = classification_loss(logits, frames, locations, labels, count(2))
    assert loss.item() == pytest.approx(total / 2)
    fewer = classification_loss(logits, frames, locations, labels, count(0.5))
    assert fewer.item() == pytest.approx(2 * total)


def test_centerness_loss_is_the_mean_cross_entropy():
    logits, targets = torch.randn(6), torch.rand(6)
    expected = F.binary_cross_entropy(logits.sigmoid(), targets)
    torch.testing.assert_close(centerness_loss(logits, targets, count(6)), expected)
    torch.testing.assert_close(centerness_loss(logits, targets, count(12)), expected / 2)


def test_equation_4_by_hand():
    predicted = torch.tensor([[1.0, 2.0], [0.0, 0.0], [5.0, 5.0]])
    moved = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    in_both = torch.tensor([True, True, False])
    # |1-2| + |2-0| = 3 and 1 + 1 = 2; the third object is in one frame only
    assert movement_loss(predicted, moved, in_both, count(2)).item() == pytest.approx((3 + 2) / 2)
    assert movement_loss(predicted, moved, torch.zeros(3).bool(), count(1)).item() == 0
    nothing = torch.zeros(0, 2)
    assert movement_loss(nothing, nothing, torch.zeros(0).bool(), count(1)).item() == 0


def test_mask_loss_averages_over_the_box_then_over_the_instances():
    torch.manual_seed(0)
    rects = torch.tensor([[0.0, 0.0, 8.0, 4.0], [4.0, 4.0, 8.0, 8.0], [90.0, 90.0, 99.0, 99.0]])
    pixels = box_pixels(rects, (8, 8), 2)
    logits = torch.randn(pixels.rows.shape[0])
    coverage = torch.rand(2, 8, 8)
    losses = []
    for n, (row_slice, column_slice) in enumerate([((0, 2), (0, 4)), ((2, 4), (2, 4))]):
        part = coverage[n, slice(*row_slice), slice(*column_slice)].flatten()
        mine = logits[pixels.instances == n]
        losses.append(F.binary_cross_entropy(mine.sigmoid(), part))
    blended, rows = BlendedMasks(pixels, logits), torch.tensor([0, 1, 0])
    loss = mask_loss(blended, coverage, rows, count(3))
    # the third box has no pixel: it adds nothing and counts
    torch.testing.assert_close(loss, torch.stack(losses).sum() / 3)


def test_coverage_is_the_share_of_the_pixel_and_survives_odd_sizes():
    masks = torch.zeros(1, 5, 7, dtype=torch.uint8)
    masks[0, :, 3:] = 1
    coverage = mask_coverage(masks, (3, 4), 2)
    assert coverage[0, 0].tolist() == [0.0, 0.5, 1.0, 0.5]
    assert coverage.shape == (1, 3, 4)


def test_poor_boxes_are_replaced_by_the_jittered_truth():
    torch.manual_seed(0)
    truth = torch.tensor([[10.0, 10.0, 30.0, 50.0]] * 3)
    predicted = torch.tensor([[11.0, 10, 30, 50], [100, 100, 110, 110], [10, 10, 14, 14]])
    used = mask_boxes(predicted.requires_grad_(), truth, min_iou=0.5, jitter=0.1)
    assert not used.requires_grad
    torch.testing.assert_close(used[0], predicted[0].detach())
    shift = (used[1:] - truth[1:]).abs()
    assert (shift <= torch.tensor([2.0, 4.0, 2.0, 4.0])).all()
    assert shift.max() > 0


def test_boxes_that_stand_in_move_to_either_side_of_the_truth():
    torch.manual_seed(0)
    truth = boxes((10, 20, 50, 100)).repeat(2000, 1)
    shift = mask_boxes(truth, truth, min_iou=2.0, jitter=0.1) - truth
    most = torch.tensor([4.0, 8.0, 4.0, 8.0], dtype=torch.float64)
    assert (shift.amax(dim=0) > 0.95 * most).all()
    assert (shift.amin(dim=0) < -0.95 * most).all()
    # even in between: the mean's deviation is that of 2,000 draws
    assert (shift.mean(dim=0).abs() < 4 * most / (3 * 2000) ** 0.5).all()
