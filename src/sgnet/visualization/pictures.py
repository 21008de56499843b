"""Many frames in one picture, and pictures to files."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sgnet.files.atomic_file import atomic_path

GAP = 4
MARK = b"drawn by sgnet"
JPEG_START, PNG_START = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
PNG_HEADER = len(PNG_START) + 25  # the signature and the first chunk


def contact_sheet(rows: Sequence[Sequence[NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """Frames side by side, one row a video.

    Args:
        rows: [H, W, 3] RGB frames of one size; shorter rows are filled with black.

    Returns:
        [H', W', 3] RGB.

    Raises:
        ValueError: there is no frame, or sizes differ.
    """
    frames = [frame for row in rows for frame in row]
    sizes = {frame.shape for frame in frames}
    if len(sizes) != 1:
        raise ValueError(f"frames of a contact sheet must have one size, got {sorted(sizes)}")
    height, width, _ = frames[0].shape
    columns = max(len(row) for row in rows)
    sheet = np.zeros(
        (len(rows) * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), dtype=np.uint8
    )
    for r, row in enumerate(rows):
        for c, frame in enumerate(row):
            top, left = r * (height + GAP), c * (width + GAP)
            sheet[top : top + height, left : left + width] = frame
    return sheet


def write_image(picture: NDArray[np.uint8], path: str | Path) -> None:
    """Writes a picture that is either complete or not there; JPEG and PNG say that we drew it.

    Args:
        picture: [H, W, 3] RGB.
        path: its suffix decides the format.

    Raises:
        ValueError: a suffix that no format has.
        OSError: the folder cannot be written.
    """
    suffix = Path(path).suffix
    try:
        _, data = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise ValueError(f"{path}: expected an image suffix such as .png or .jpg") from error
    with atomic_path(path) as temporary:
        temporary.write_bytes(_marked(data.tobytes()))


def is_marked(path: Path) -> bool:
    """Whether a file is a JPEG or PNG that `write_image` wrote."""
    with path.open("rb") as file:
        start = file.read(PNG_HEADER + len(MARK) + 32)
    return start.startswith((JPEG_START, PNG_START)) and MARK in start


def _marked(data: bytes) -> bytes:
    """A JPEG with a comment or a PNG with a text, just behind its start; others as they are."""
    if data.startswith(JPEG_START):
        comment = b"\xff\xfe" + (len(MARK) + 2).to_bytes(2, "big") + MARK
        return data[:2] + comment + data[2:]
    if data.startswith(PNG_START):
        chunk = b"tEXtComment\0" + MARK
        length, check = len(chunk) - 4, zlib.crc32(chunk)
        text = length.to_bytes(4, "big") + chunk + check.to_bytes(4, "big")
        return data[:PNG_HEADER] + text + data[PNG_HEADER:]
    return data
