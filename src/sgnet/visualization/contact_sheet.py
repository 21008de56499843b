"""Many frames in one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
