"""Many frames in one picture, and pictures to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sgnet.files.atomic_file import atomic_path

GAP = 4


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
    """Writes a picture that is either complete or not there.

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
        temporary.write_bytes(data.tobytes())
