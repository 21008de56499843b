"""Masks at other sizes: centres, areas, and what becomes of thin ones."""

from __future__ import annotations

import albumentations as A
import cv2
import numpy as np
import pytest

from sgnet.data.clips.copy_paste import Placement, pasted
from sgnet.data.clips.mask_sizes import cut_at_half, resized_shares, warped_shares
from sgnet.data.clips.raw_pairs import RawFrame
from sgnet.data.clips.still_motion import view
from sgnet.data.clips.transforms import ClipPairTransform

INPUT = (144, 256)
SIZES = {  # of frames that become INPUT, by how much they shrink
    "4/3": (192, 341),
    "1.5": (216, 384),
    "2": (288, 512),
    "3": (432, 768),
    "4": (576, 1024),
    "1/2": (72, 128),
    "3/4": (108, 192),
}
OBJECTS = 60  # their centres are off by a tenth of a pixel each, by a hundredth together


def ellipse(size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """A turned ellipse of a tenth to a fifth of the frame's height, well inside."""
    height, width = size
    rows, columns = np.mgrid[:height, :width] + 0.5
    x, y = random.uniform(0.4, 0.6, 2) * (width, height)
    long, short = random.uniform(0.1, 0.2, 2) * height
    turn = random.uniform(0, np.pi)
    along = (columns - x) * np.cos(turn) + (rows - y) * np.sin(turn)
    across = (rows - y) * np.cos(turn) - (columns - x) * np.sin(turn)
    return ((along / long) ** 2 + (across / short) ** 2 < 1).astype(np.uint8)


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cut_at_half(resized_shares(mask, size))


def centre(mask: np.ndarray) -> np.ndarray:
    """x, y in pixels from the frame's corner."""
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean(), rows.mean()]) + 0.5


def mean_shift(size: tuple[int, int], moved, expected) -> np.ndarray:
    """How far masks lie from where they belong, on the average over many."""
    random = np.random.default_rng(0)
    masks = [ellipse(size, random) for _ in range(OBJECTS)]
    return np.mean([centre(moved(m)) - expected(centre(m)) for m in masks], axis=0)


def scaled(size: tuple[int, int], target: tuple[int, int]):
    factors = np.array([target[1] / size[1], target[0] / size[0]])
    return lambda point: point * factors


@pytest.mark.parametrize("factor", SIZES)
def test_a_mask_at_another_size_keeps_its_centre(factor):
    size = SIZES[factor]
    shift = mean_shift(size, lambda m: resize_mask(m, INPUT), scaled(size, INPUT))
    assert np.abs(shift).max() < 0.05


@pytest.mark.parametrize("factor", SIZES)
def test_masks_of_a_clip_pair_keep_their_centre_through_scaling_flips_and_crops(factor):
    size = SIZES[factor]
    steps = [
        A.HorizontalFlip(p=1),
        A.VerticalFlip(p=1),
        A.RandomScale((0.25, 0.25), p=1),
        A.CenterCrop(INPUT[0], INPUT[1]),
    ]
    transform = ClipPairTransform(INPUT, steps)
    picture = np.zeros((*size, 3), np.uint8)

    def expected(point: np.ndarray) -> np.ndarray:
        x, y = scaled(size, INPUT)(point)
        return np.array([256 - x, 144 - y]) * 1.25 - [(320 - 256) / 2, (180 - 144) / 2]

    def moved(mask: np.ndarray) -> np.ndarray:
        return transform(picture, picture, [mask], 0)[2][0]

    assert np.abs(mean_shift(size, moved, expected)).max() < 0.05


def test_a_step_that_shrinks_masks_does_not_move_them():
    steps = [A.RandomScale((-0.25, -0.25), p=1), A.PadIfNeeded(*INPUT, position="top_left")]
    transform = ClipPairTransform(INPUT, steps)
    picture = np.zeros((*INPUT, 3), np.uint8)
    shift = mean_shift(
        INPUT, lambda m: transform(picture, picture, [m], 0)[2][0], lambda point: point * 0.75
    )
    assert np.abs(shift).max() < 0.05


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("scale", [0.25, 1 / 3, 0.4, 0.5, 0.6, 0.75, 1.0, 2.0])
def test_masks_pasted_at_all_shares_of_a_pixel_keep_their_centre(scale, flip):
    ground = RawFrame(np.zeros((300, 540, 3), np.uint8), (), (), ())
    random = np.random.default_rng(0)
    shifts = []
    for number in range(OBJECTS):
        mask = ellipse(INPUT, random)
        offset = 3 + np.array([number + 0.5, 7 * number % OBJECTS + 0.5]) / OBJECTS
        # pixel centres are whole numbers for a placement
        where = Placement(scale, flip, *(offset + (scale - 1) / 2))
        frame = RawFrame(np.zeros((*INPUT, 3), np.uint8), (0,), (1,), (mask,))
        x, y = centre(mask)
        expected = np.array([INPUT[1] - x if flip else x, y]) * scale + offset
        shifts.append(centre(pasted(ground, frame, [0], [9], where).masks[0]) - expected)
    assert np.abs(np.mean(shifts, axis=0)).max() < 0.05


@pytest.mark.parametrize("side", [2 / 3, 0.75, 0.9])
def test_a_mask_in_a_window_keeps_its_centre(side):
    def moved(mask: np.ndarray) -> np.ndarray:
        frame = RawFrame(np.zeros((*INPUT, 3), np.uint8), (0,), (1,), (mask,))
        return view(frame, np.array([0.5, 0.5]), side, 0.0).masks[0]

    middle = np.array([128, 72])
    shift = mean_shift(INPUT, moved, lambda point: (point - middle) / side + middle)
    assert np.abs(shift).max() < 0.05


def test_shares_are_those_of_a_plain_loop():
    mask = ellipse((60, 90), np.random.default_rng(3))
    shares = resized_shares(mask, (20, 30))
    for row, column in np.ndindex(20, 30):
        covered = mask[3 * row : 3 * row + 3, 3 * column : 3 * column + 3].mean()
        assert shares[row, column] == pytest.approx(254 * covered, abs=0.51)


@pytest.mark.parametrize("size", [(480, 856), (360, 640), (1080, 1920), (721, 1281), (16, 24)])
def test_what_surrounds_an_object_is_enough_to_resize_its_mask(size):
    random = np.random.default_rng(1)
    for _ in range(5):
        mask = ellipse((720, 1280), random)
        how = cv2.INTER_AREA if size[0] <= 720 else cv2.INTER_LINEAR
        whole = cv2.resize(mask * np.uint8(254), size[::-1], interpolation=how)
        assert np.abs(resized_shares(mask, size).astype(int) - whole).max() <= 1


def test_an_empty_mask_stays_empty():
    for size in ((20, 30), (60, 90), (90, 120)):
        assert not resize_mask(np.zeros((60, 90), np.uint8), size).any()


def test_a_mask_at_its_own_size_is_itself():
    mask = ellipse((60, 90), np.random.default_rng(0))
    np.testing.assert_array_equal(cut_at_half(resized_shares(mask, (60, 90))), mask)


def test_a_pixel_covered_to_one_half_belongs_to_the_mask():
    mask = np.zeros((8, 8), np.uint8)
    mask[:, 3] = 1  # a line one pixel wide, half of the pixels that it meets at one half
    expected = np.zeros((4, 4), np.uint8)
    expected[:, 1] = 1
    np.testing.assert_array_equal(resize_mask(mask, (4, 4)), expected)


@pytest.mark.parametrize("factor", [3, 4, 8])
def test_a_line_too_thin_for_one_half_stays_a_line(factor):
    mask = np.zeros((8 * factor, 8 * factor), np.uint8)
    mask[:, 3 * factor + 1] = 1
    expected = np.zeros((8, 8), np.uint8)
    expected[:, 3] = 1
    np.testing.assert_array_equal(resize_mask(mask, (8, 8)), expected)


def test_thin_parts_of_a_larger_mask_go():
    mask = np.zeros((32, 32), np.uint8)
    mask[8:16, 8:16] = 1
    mask[12, 16:] = 1  # a tail one pixel wide, a quarter of the pixels that it meets
    expected = np.zeros((8, 8), np.uint8)
    expected[2:4, 2:4] = 1
    np.testing.assert_array_equal(resize_mask(mask, (8, 8)), expected)


def test_a_half_is_a_half_in_masks_that_cover_more_of_no_pixel_than_two_thirds():
    mask = np.zeros((24, 24), np.uint8)
    mask[:12, 9:11] = 1  # two thirds of the pixels that it meets
    mask[12:, 9] = 1  # a third
    expected = np.zeros((8, 8), np.uint8)
    expected[:4, 3] = 1
    np.testing.assert_array_equal(resize_mask(mask, (8, 8)), expected)


def test_what_is_left_of_a_mask_outside_of_a_crop_is_not_made_more_of():
    mask = np.zeros((16, 16), np.uint8)
    mask[:, 6] = 1
    shares = warped_shares(
        resized_shares(mask, (16, 16)), np.array([[1.0, 0, -6.6], [0, 1, 0]]), (16, 16)
    )
    assert shares[:, 0].max() > 0
    assert not cut_at_half(shares).any()
