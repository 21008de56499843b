"""Sizes of frames for the network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIZE_DIVISOR = 8  # P3's stride: base masks then cover the input exactly


def is_upright(size: tuple[int, int]) -> bool:
    """Whether a (height, width) is higher than wide; a square is not."""
    return size[0] > size[1]


def turned_to(limit: tuple[int, int], original: tuple[int, int]) -> tuple[int, int]:
    """The network's input for a frame: the limit in the frame's orientation.

    A limit is that of landscape frames; upright ones, such as those of phones, get as many pixels
    with its sides exchanged. A limit that is given upright already is exchanged for the others.

    Args:
        limit: (height, width) as configured.
        original: (height, width) of the frame; a square counts as landscape.
    """
    short, long = sorted(limit)
    return (long, short) if is_upright(original) else (short, long)


def fit_size(original: tuple[int, int], limit: tuple[int, int]) -> tuple[int, int]:
    """Largest size of about the original's aspect ratio within the limit in its orientation.

    Args:
        original: (height, width).
        limit: (height, width) of the network's input, see `turned_to`.

    Returns:
        (height, width), each a multiple of 8 and at least 8.
    """
    return fit_within(original, turned_to(limit, original))


def fit_within(original: tuple[int, int], limit: tuple[int, int]) -> tuple[int, int]:
    """`fit_size` within exactly this (height, width), whatever the original's orientation."""
    scale = min(limit[0] / original[0], limit[1] / original[1])
    height, width = (
        max(1, min(round(side * scale / SIZE_DIVISOR), most // SIZE_DIVISOR)) * SIZE_DIVISOR
        for side, most in zip(original, limit, strict=True)
    )
    return height, width


def checked_size(size: Sequence[int]) -> tuple[int, int]:
    """A network input (height, width).

    Raises:
        ValueError: not two positive multiples of 8.
    """
    if len(size) != 2 or any(side < SIZE_DIVISOR or side % SIZE_DIVISOR for side in size):
        raise ValueError(
            f"input_size must be [height, width], multiples of {SIZE_DIVISOR}, got {list(size)}"
        )
    return size[0], size[1]


def resize_frame(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image [H, W, 3] at (height, width), averaged when it shrinks.

    By OpenCV; where that is not installed by `resize_with_numpy`, slower and at most one grey level
    apart.
    """
    if image.shape[:2] == size:
        return image
    try:
        import cv2
    except ImportError:
        return resize_with_numpy(image, size)
    method = cv2.INTER_AREA if size[0] < image.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size[::-1], interpolation=method), dtype=np.uint8)


def resize_with_numpy(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """`resize_frame` as two matrix products.

    Args:
        image: [H, W, C].
        size: (height, width).
    """
    shrinks = size[0] < image.shape[0]
    down = _weights(image.shape[0], size[0], shrinks) @ image.reshape(image.shape[0], -1)
    lines = down.reshape(size[0], *image.shape[1:]).swapaxes(0, 1)  # [W, height, C]
    across = _weights(image.shape[1], size[1], shrinks) @ lines.reshape(image.shape[1], -1)
    values = across.reshape(size[1], size[0], image.shape[2]).swapaxes(0, 1)
    return np.ascontiguousarray(values.round().clip(0, 255).astype(np.uint8))


@lru_cache(maxsize=8)
def _weights(source: int, target: int, averaged: bool) -> NDArray[np.float32]:
    """Share [target, source] that source samples have in target samples; rows sum to 1."""
    scale = source / target
    samples = np.arange(source)
    if averaged and scale >= 1:
        start = np.arange(target)[:, None] * scale
        shares = np.minimum(samples + 1, start + scale) - np.maximum(samples, start)
        return np.asarray(shares.clip(min=0) / scale, dtype=np.float32)
    center = ((np.arange(target) + 0.5) * scale - 0.5).clip(0, source - 1)
    linear: NDArray[np.float64] = (1 - np.abs(center[:, None] - samples)).clip(min=0)
    return linear.astype(np.float32)
