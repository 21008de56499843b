from __future__ import annotations

import torch
from builders import make_targets

from sgnet.ops.shrink import shrink_pairs, shrink_targets
from sgnet.structures import ClipPairBatch


def batch() -> ClipPairBatch:
    torch.manual_seed(0)
    targets = make_targets([[(8, 4, 40, 36)], []])
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    return ClipPairBatch(images, images.flip(0), targets, targets, ("a", "b"))


def test_everything_shrinks_together():
    small = shrink_pairs(batch(), 2)
    assert small.key_images.shape == (2, 3, 32, 48)
    expected = batch().key_images[0, 0, :2, :2].float().mean()
    torch.testing.assert_close(small.key_images[0, 0, 0, 0], expected)
    assert small.key_targets.boxes_xyxy[0, 0].tolist() == [4, 2, 20, 18]
    assert small.key_targets.movements[0, 0].tolist() == [1.5, -1.0]
    rows, columns = small.key_targets.masks[0].nonzero(as_tuple=True)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (4, 2, 20, 18)


def test_a_factor_of_one_is_the_batch_itself():
    whole = batch()
    assert shrink_pairs(whole, 1) is whole


def test_targets_without_objects_shrink_too():
    assert shrink_targets(make_targets([[], []]), 2).masks.shape == (0, 32, 48)
