"""Sizes of frames for the network."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE_DIVISOR = 8  # P3's stride: base masks then cover the input exactly


def fit_size(original: tuple[int, int], limit: tuple[int, int]) -> tuple[int, int]:
    """Largest size within `limit` of about the original's aspect ratio.

    Args:
        original: (height, width).
        limit: (height, width) of the network's input.

    Returns:
        (height, width), each a multiple of 8 and at least 8.
    """
    scale = min(limit[0] / original[0], limit[1] / original[1])
    height, width = (
        max(1, min(round(side * scale / SIZE_DIVISOR), most // SIZE_DIVISOR)) * SIZE_DIVISOR
        for side, most in zip(original, limit, strict=True)
    )
    return height, width


def resize_frame(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image [H, W, 3] at (height, width), averaged when it shrinks."""
    if image.shape[:2] == size:
        return image
    shrinks = size[0] < image.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size[::-1], interpolation=method), dtype=np.uint8)
