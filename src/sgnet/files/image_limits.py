"""How large an image may be, for all who read images or videos; needs no library that decodes."""

from __future__ import annotations

from sgnet.ops.rle import MAX_SIDE

MAX_PIXELS = 89_478_485  # a frame of 12K video has 85 million; Pillow warns beyond


class ImageFileError(ValueError):
    """What is wrong with an image file, to be put behind its name."""


def check_room(width: int, height: int) -> None:
    """Compares a size with the largest that is read.

    Raises:
        ImageFileError: it is larger.
    """
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise too_large(f"{width} x {height}")


def too_large(got: str) -> ImageFileError:
    """The error for an image beyond the limits.

    Args:
        got: its size in words.
    """
    return ImageFileError(
        f"is too large; expected at most {MAX_SIDE} pixels a side and {MAX_PIXELS} in all, "
        f"got {got}"
    )
