"""Resizing without OpenCV against OpenCV."""

import cv2
import numpy as np
import pytest

from sgnet.ops.frame_sizes import checked_size, resize_frame, resize_with_numpy


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
