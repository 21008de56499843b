from __future__ import annotations

import cv2
import numpy as np
import pytest

from sgnet.data.clips.clip_pairs import image_tensor
from sgnet.data.clips.frames import fit_size, read_frame, resize_frame


@pytest.mark.parametrize(
    ("original", "limit", "expected"),
    [
        ((720, 1280), (360, 640), (360, 640)),
        ((1280, 720), (360, 640), (640, 360)),
        ((720, 720), (360, 640), (360, 360)),  # a square is landscape
        ((728, 720), (360, 640), (368, 360)),
        ((480, 854), (360, 640), (360, 640)),  # 359.7 rows are 44.96 times eight
        ((854, 480), (360, 640), (640, 360)),
        ((100, 100), (64, 64), (64, 64)),
        ((200, 100), (64, 64), (64, 32)),
        ((144, 256), (144, 256), (144, 256)),
        ((480, 640), (360, 640), (360, 480)),
        ((10, 4000), (360, 640), (8, 640)),
    ],
)
def test_frames_fit_the_input_in_steps_of_eight(original, limit, expected):
    assert fit_size(original, limit) == expected


def test_resizing_to_the_same_size_is_the_same_frame():
    frame = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    assert resize_frame(frame, (8, 8)) is frame
    assert resize_frame(frame, (16, 24)).shape == (16, 24, 3)
    assert image_tensor(frame).shape == (3, 8, 8)


@pytest.mark.parametrize("view", [np.s_[:, :], np.s_[::-1, ::2], np.s_[1:3, 2:3]])
def test_tensors_hold_the_frames_pixels(view):
    frame = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)[view]
    tensor = image_tensor(frame)
    for row, column, channel in np.ndindex(*frame.shape):
        assert tensor[channel, row, column] == frame[row, column, channel]


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
    ],
)
def test_other_arrays_are_no_frames(frame):
    with pytest.raises(ValueError, match=r"must be \[H, W, 3\] of uint8, got \[4, 4"):
        image_tensor(frame)


def test_a_jpeg_that_is_cut_off_is_no_frame(tmp_path):
    path = tmp_path / "f.jpg"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    assert read_frame(path).shape == (48, 64, 3)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"f.jpg: frame is cut off"):
        read_frame(path)
