from __future__ import annotations

import albumentations as A
import numpy as np
import pytest

from sgnet.data.transforms import ClipPairTransform

CORNER = np.zeros((8, 16, 3), dtype=np.uint8)
CORNER[0, 0] = 255


def flips(transform: ClipPairTransform, seed: int) -> tuple[bool, bool]:
    """Whether the picture of a white corner came out mirrored and upside down."""
    key, reference, _ = transform(CORNER, CORNER, [], seed)
    np.testing.assert_array_equal(key, reference)
    row, column = np.argwhere(key[..., 0] == 255)[0]
    return bool(column), bool(row)


def test_steps_are_drawn_independently_of_each_other():
    transform = ClipPairTransform((8, 16), [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)])
    drawn = [flips(transform, seed) for seed in range(400)]
    for outcome in ((False, False), (False, True), (True, False), (True, True)):
        assert drawn.count(outcome) == pytest.approx(100, abs=35)  # four standard deviations


def test_the_seed_decides_everything():
    transform = ClipPairTransform((8, 16), [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)])
    first = [flips(transform, seed) for seed in range(20)]
    assert first == [flips(transform, seed) for seed in range(20)]


def test_masks_of_both_frames_move_with_the_frames():
    transform = ClipPairTransform((8, 16), [A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)])
    mask = (CORNER[..., 0] > 0).astype(np.uint8)
    for seed in range(10):
        key, _, masks = transform(CORNER, CORNER, [mask, mask], seed)
        for moved in masks:
            np.testing.assert_array_equal(moved, key[..., 0] > 0)
