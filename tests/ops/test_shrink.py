from __future__ import annotations

from dataclasses import replace

import pytest
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


def shrunk(mask: torch.Tensor, factor: int) -> torch.Tensor:
    targets = make_targets([[(0, 0, 96, 64)]])
    return shrink_targets(replace(targets, masks=mask[None]), factor).masks[0]


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_masks_keep_their_centre(factor):
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(64) + 0.5, torch.arange(96) + 0.5, indexing="ij")
    shifts = []
    for x, y, radius in (torch.rand(200, 3) * 6 + torch.tensor([40, 28, 10])).tolist():
        disc = ((columns - x) ** 2 + (rows - y) ** 2 < radius**2).to(torch.uint8)
        centres = [m.nonzero().double().mean(dim=0) + 0.5 for m in (disc, shrunk(disc, factor))]
        shifts.append(centres[1] - centres[0] / factor)
    assert torch.stack(shifts).mean(dim=0).abs().max() < 0.05


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_thin_mask_stays_where_it_was(factor):
    line = torch.zeros(64, 96, dtype=torch.uint8)
    line[:, 12] = 1
    expected = torch.zeros(64 // factor, 96 // factor, dtype=torch.uint8)
    expected[:, 12 // factor] = 1
    assert torch.equal(shrunk(line, factor), expected)


def test_a_mask_without_pixels_gets_none():
    assert not shrunk(torch.zeros(64, 96, dtype=torch.uint8), 2).any()
