"""Reading single frames and resizing them for the network."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sgnet.structures import Video

SIZE_DIVISOR = 8  # P3's stride: base masks then cover the input exactly


def read_frame(path: Path, expected_size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """One image as [H, W, 3] RGB uint8.

    Args:
        path: image file.
        expected_size: (height, width) the annotations promise; None accepts any.

    Raises:
        ValueError: missing or unreadable file, or another size than promised.
    """
    if not path.is_file():
        raise ValueError(f"{path}: frame is missing; expected an image file")
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise ValueError(f"{path}: frame cannot be decoded; expected a JPEG or PNG image")
    if expected_size is not None and image.shape[:2] != expected_size:
        raise ValueError(
            f"{path}: frame size (height, width) expected {expected_size}, got {image.shape[:2]}"
        )
    return np.asarray(image, dtype=np.uint8)


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


def resize_mask(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The 0/1 mask [H, W] at (height, width), by the nearest pixel."""
    if mask.shape == size:
        return mask
    resized = cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, dtype=np.uint8)


def check_frames(videos: Iterable[Video], folder: Path) -> None:
    """Looks for every frame before any work starts.

    Args:
        videos: whose frames will be read.
        folder: that holds them.

    Raises:
        ValueError: a video names no frames, or some are missing; the message names the first and
            their number.
    """
    videos = list(videos)
    for video in videos:
        if not video.file_names:
            raise ValueError(
                f"{folder}: video {video.id}: file_names expected {video.length} frames, got none; "
                "they may be left out for scoring only"
            )
    names = (name for video in videos for name in video.file_names)
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"{folder / missing[0]}: frame is missing, and {len(missing) - 1} more; "
            "expected every file of file_names in the image folder"
        )


def image_tensor(image: NDArray[np.uint8]) -> Tensor:
    """[H, W, 3] array as a [3, H, W] uint8 tensor."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
