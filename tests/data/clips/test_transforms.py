from __future__ import annotations

from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from sgnet.data.clips.transforms import ClipPairTransform, turned_step

CONF = Path(__file__).parents[3] / "conf"

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


def gradient(size: tuple[int, int]) -> np.ndarray:
    """A picture whose pixels tell their row and column as shares of the sides."""
    rows, columns = (np.linspace(0, 255, side).round().astype(np.uint8) for side in size)
    red, green = np.broadcast_arrays(rows[:, None], columns)
    return np.stack([red, green, np.zeros_like(red)], axis=2)


def yaml_transform(*overrides: str) -> ClipPairTransform:
    """That of an experiment's files."""
    with initialize_config_dir(str(CONF), version_base=None):
        cfg = compose("train", overrides=list(overrides))
    return instantiate(cfg.data.transform, _convert_="all")


@pytest.mark.parametrize(
    "overrides",
    [("experiment=paper_r50",), ("experiment=demo",), ("experiment=finetune_small",)],
)
def test_steps_with_sizes_in_yaml_take_upright_pairs_as_well(overrides):
    transform = yaml_transform(*overrides)
    landscape, upright = transform.size, transform.size[::-1]
    assert not transform.turns((720, 1280))
    assert not transform.turns((720, 720))
    assert transform.turns((1280, 720))
    for original, size in (((720, 1280), landscape), ((1280, 720), upright), ((7, 7), landscape)):
        for seed in range(6):
            picture = gradient(original)
            mask = np.ones(original, np.uint8)
            key, _, (moved,) = transform(picture, picture, [mask], seed)
            assert key.shape[:2] == moved.shape == size
            assert moved.mean() > 0.3


def test_an_upright_pair_is_upright_and_whole_behind_the_transform():
    picture = gradient((128, 72))
    key, reference, (mask,) = ClipPairTransform((40, 72))(
        picture, picture, [np.ones((128, 72), np.uint8)], 0
    )
    assert key.shape == (72, 40, 3)
    np.testing.assert_array_equal(key, reference)
    expected = cv2.resize(picture, (40, 72), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(key, expected)
    assert mask.all()


def test_sizes_of_steps_are_exchanged_in_a_copy_at_any_depth():
    steps = [
        A.Resize(10, 20),
        A.PadIfNeeded(30, 40),
        A.RandomResizedCrop(size=(50, 60)),
        A.OneOf([A.Sequential([A.CenterCrop(70, 80)])]),
        A.HorizontalFlip(),
    ]
    resize, pad, crop, either, _ = (turned_step(step) for step in steps)
    assert (resize.height, resize.width) == (20, 10)
    assert (pad.min_height, pad.min_width) == (40, 30)
    assert tuple(crop.size) == (60, 50)
    inner = either.transforms[0].transforms[0]
    assert (inner.height, inner.width) == (80, 70)
    assert (steps[0].height, steps[3].transforms[0].transforms[0].height) == (10, 70)


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
