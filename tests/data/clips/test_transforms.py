from __future__ import annotations

import albumentations as A
import numpy as np
import pytest

from sgnet.data.clips.transforms import ClipPairTransform

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


def test_frames_of_another_shape_are_filled_up_with_black():
    wide = np.full((8, 32, 3), 255, np.uint8)  # twice as wide as the input: 8 lines stay free
    transform = ClipPairTransform((16, 16))
    key, reference, (mask,) = transform(wide, wide, [wide[..., 0] // 255], 0)
    for image in (key, reference, mask * 255):
        assert (image[:8] == 255).all()
        assert not image[8:].any()


@pytest.mark.parametrize("step", [A.ToFloat(max_value=255), A.ToGray(num_output_channels=1, p=1)])
def test_steps_that_leave_no_rgb_of_bytes_are_refused(step):
    with pytest.raises(ValueError, match="must leave RGB of uint8, got"):
        ClipPairTransform((8, 16), [step])(CORNER, CORNER, [], 0)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([A.RandomCrop(32, 8)], r"steps\.0 \(RandomCrop\) cannot take an image of 16 x 8 pixels"),
        ([A.NoOp(), A.CenterCrop(8, 99)], r"steps\.1 \(CenterCrop\).*16 x 8.*CropSizeError"),
        ([A.Resize(4, 4), A.RandomCrop(8, 16)], r"steps\.1 \(RandomCrop\).* image of 4 x 4"),
        (
            [A.OneOf([A.RandomCrop(32, 8)], p=1)],
            r"steps\.0 \(OneOf\) cannot.* of 16 x 8",
        ),
    ],
)
def test_a_step_that_fails_is_named_with_the_image_that_it_got(steps, words):
    with pytest.raises(ValueError, match=words):
        ClipPairTransform((8, 16), steps)(CORNER, CORNER, [CORNER[..., 0]], 0)
