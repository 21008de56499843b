"""Sizes of frames for the network, and resizing without OpenCV against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sgnet.ops.frame_sizes import (
    checked_size,
    fit_size,
    fit_within,
    resize_frame,
    resize_with_numpy,
    turned_to,
)


@pytest.mark.parametrize("size", [(45, 80), (40, 64), (90, 160), (200, 304), (91, 161)])
def test_resizing_with_numpy_equals_opencv_within_a_grey_level(size):
    image = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (5, 5), 0)
    ours = resize_with_numpy(image, size)
    theirs = resize_frame(image, size)
    assert ours.shape == (*size, 3)
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_a_network_input_has_two_sides_of_whole_cells():
    assert checked_size([360, 640]) == (360, 640)
    for wrong in ([360], [360, 641], [0, 640]):
        with pytest.raises(ValueError, match="multiples of 8, got"):
            checked_size(wrong)


@pytest.mark.parametrize("limit", [(360, 640), (640, 360)])
def test_the_limit_has_the_frames_orientation_and_a_square_is_landscape(limit):
    assert turned_to(limit, (720, 1280)) == (360, 640)
    assert turned_to(limit, (1280, 720)) == (640, 360)
    assert turned_to(limit, (720, 720)) == (360, 640)
    assert turned_to((64, 64), (96, 64)) == (64, 64)


def test_an_upright_frame_gets_the_size_of_the_landscape_one_turned():
    random = np.random.default_rng(0)
    for short, long in np.sort(random.integers(50, 3000, (200, 2)), axis=1).tolist():
        height, width = fit_size((short, long), (360, 640))
        if short < long:
            assert fit_size((long, short), (360, 640)) == (width, height)


def test_sizes_keep_the_aspect_ratio_to_half_a_step_of_eight():
    random = np.random.default_rng(0)
    for original in random.integers(100, 3000, (200, 2)).tolist():
        limit = (640, 360) if original[0] > original[1] else (360, 640)
        scale = min(most / side for most, side in zip(limit, original, strict=True))
        for got, side in zip(fit_size(tuple(original), (360, 640)), original, strict=True):
            assert got % 8 == 0
            assert abs(got - side * scale) <= 4 + 1e-6


def test_within_a_fixed_size_an_upright_frame_becomes_small():
    assert fit_within((1280, 720), (360, 640)) == (360, 200)
    assert fit_within((720, 1280), (640, 360)) == (200, 360)
