from __future__ import annotations

import math

import pytest
import torch
from builders import make_targets

from sgnet.losses.assignment import LocationAssigner, centerness_targets
from sgnet.ops.locations import level_locations

RANGES = (16.0, 32.0, 64.0, 128.0)
FCOS_RANGES = (64.0, 128.0, 256.0, 512.0)
STRIDES = (8, 16, 32, 64, 128)


def grid(height: int = 64, width: int = 96) -> tuple[torch.Tensor, torch.Tensor]:
    levels = [level_locations((-(-height // s), -(-width // s)), s, 0.5) for s in STRIDES]
    strides = [torch.full((len(p),), float(s)) for p, s in zip(levels, STRIDES, strict=True)]
    return torch.cat(levels), torch.cat(strides)


def plain_match(locations, strides, boxes, radius, ranges=RANGES):
    """FCOS's rules, one location and one box at a time."""
    matched = []
    for (x, y), stride in zip(locations.tolist(), strides.tolist(), strict=True):
        level = STRIDES.index(int(stride))
        low = 0 if level == 0 else ranges[level - 1]
        high = ranges[level] if level < 4 else math.inf
        best, best_area = -1, math.inf
        for n, (x1, y1, x2, y2) in enumerate(boxes):
            sides = (x - x1, y - y1, x2 - x, y2 - y)
            near = max(abs(x - (x1 + x2) / 2), abs(y - (y1 + y2) / 2)) < radius * stride
            fits = min(sides) > 0 and near and low < max(sides) <= high
            if fits and (x2 - x1) * (y2 - y1) < best_area:
                best, best_area = n, (x2 - x1) * (y2 - y1)
        matched.append(best)
    return matched


@pytest.mark.parametrize("seed", range(4))
def test_assignment_equals_a_plain_loop(seed):
    generator = torch.Generator().manual_seed(seed)
    frames = []
    for count in (0, 3, 7):
        corner = torch.rand(count, 2, generator=generator) * 50
        size = torch.rand(count, 2, generator=generator) * 45 + 1
        boxes = torch.cat([corner, corner + size], dim=1).clamp(max=64).round()
        frames.append([tuple(b) for b in boxes.tolist() if b[2] > b[0] and b[3] > b[1]])
    locations, strides = grid()
    found = LocationAssigner(RANGES, 1.5)(locations, strides, make_targets(frames))
    for b, boxes in enumerate(frames):
        expected = plain_match(locations, strides, boxes, 1.5)
        mine = dict(
            zip(
                found.locations[found.frames == b].tolist(),
                found.objects[found.frames == b].tolist(),
                strict=True,
            )
        )
        assert mine == {i: n for i, n in enumerate(expected) if n >= 0}


@pytest.mark.parametrize("radius", [1.5, 0.75])
def test_only_locations_near_the_middle_of_a_box_are_its_own(radius):
    # ranges of two strides, as above, leave nothing for it to rule out; the paper's end at eight
    boxes = [(3, 5, 83, 61), (100, 20, 220, 150), (30, 90, 60, 180)]
    locations, strides = grid(192, 256)
    expected = plain_match(locations, strides, boxes, radius, FCOS_RANGES)
    everywhere = plain_match(locations, strides, boxes, math.inf, FCOS_RANGES)
    found = LocationAssigner(center_radius=radius)(
        locations, strides, make_targets([boxes], (192, 256))
    )
    mine = dict(zip(found.locations.tolist(), found.objects.tolist(), strict=True))
    assert mine == {i: n for i, n in enumerate(expected) if n >= 0}
    assert set(mine.values()) == {0, 1, 2}
    assert len(mine) < sum(n >= 0 for n in everywhere) / 2


def test_mask_rows_point_to_the_right_mask_over_padding():
    targets = make_targets([[(0, 0, 30, 30)], [], [(40, 10, 80, 50), (2, 2, 20, 20)]])
    locations, strides = grid()
    found = LocationAssigner(RANGES, 1.5)(locations, strides, targets)
    assert set(found.masks.tolist()) == {0, 1, 2}
    for row, box in zip(found.masks.tolist(), found.boxes_xyxy.tolist(), strict=True):
        x1, y1, x2, y2 = (int(v) for v in box)
        assert targets.masks[row].sum() == targets.masks[row, y1:y2, x1:x2].sum() > 0


@pytest.mark.parametrize("frames", [[], [[], []]])
def test_no_objects_give_no_positives(frames):
    locations, strides = grid()
    targets = make_targets(frames or [[]])
    assert LocationAssigner(RANGES)(locations, strides, targets).frames.shape == (0,)


def test_centerness_is_one_in_the_middle_and_falls_outwards():
    values = centerness_targets(torch.tensor([[5.0, 5, 5, 5], [1, 5, 9, 5], [1, 2, 4, 8]]))
    assert values.tolist() == pytest.approx([1.0, 1 / 3, math.sqrt(0.25 * 0.25)])
