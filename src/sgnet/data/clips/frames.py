"""Reading single frames; resizing them for the network is in `sgnet.ops.frame_sizes`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sgnet.files.image_file import decode_image
from sgnet.files.image_limits import ImageFileError
from sgnet.ops.frame_sizes import SIZE_DIVISOR, fit_size, resize_frame
from sgnet.records import Video

__all__ = [
    "SIZE_DIVISOR",
    "BrokenFrameError",
    "check_frame_size",
    "check_frames",
    "fit_size",
    "read_frame",
    "resize_frame",
]


class BrokenFrameError(ValueError):
    """A frame cannot be used; the message names its file."""


def read_frame(path: Path, expected_size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """One image as [H, W, 3] RGB uint8, upright.

    Args:
        path: image file.
        expected_size: (height, width) the annotations promise; None accepts any that there is room
            for. Another is refused by the file's header, before it is unpacked.

    Raises:
        BrokenFrameError: missing, unreadable or cut off file, one of several images, or another
            size than promised.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = "is missing" if not path.is_file() else f"cannot be read ({error.strerror})"
        raise BrokenFrameError(f"{path}: frame {problem}; expected an image file") from error
    try:
        return decode_image(content, expected_size)
    except ImageFileError as error:
        raise BrokenFrameError(f"{path}: frame {error}") from error


def check_frame_size(path: Path, size: tuple[int, int], expected: tuple[int, int]) -> None:
    """Compares a frame's (height, width) with what the annotations promise.

    Raises:
        BrokenFrameError: they differ.
    """
    if size != expected:
        raise BrokenFrameError(
            f"{path}: frame size (height, width) expected {expected}, got {size}"
        )


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
