"""Frames of whole videos as validation gets them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sgnet.data.loading.video_chunks import VideoChunkDataset
from sgnet.structures import Video


@pytest.mark.parametrize(
    ("original", "expected"), [((72, 128), (40, 72)), ((128, 72), (72, 40)), ((80, 80), (40, 40))]
)
def test_frames_fit_the_input_in_their_orientation(tmp_path, original, expected):
    names = ("0.png", "1.png")
    for name in names:
        cv2.imwrite(str(tmp_path / name), np.full((*original, 3), 9, np.uint8))
    video = Video(1, original[1], original[0], 2, names)
    (chunk,) = VideoChunkDataset([video], tmp_path, (40, 72))
    assert chunk.images.shape == (2, 3, *expected)
    assert (chunk.images == 9).all()
    assert chunk.original_size == original
