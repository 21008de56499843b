"""Pictures to files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sgnet.ops.atomic_file import atomic_path


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
