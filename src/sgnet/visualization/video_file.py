"""Frames to an mp4 file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sgnet.ops.atomic_file import atomic_path


def write_mp4(frames: Iterable[NDArray[np.uint8]], path: Path, frames_per_second: int) -> int:
    """Writes an H.264 video that is either complete or not there.

    Args:
        frames: [H, W, 3] RGB of one size with even sides.
        path: the mp4 file.
        frames_per_second: of playback.

    Returns:
        Number of frames written.
    """
    import av

    count = 0
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=frames_per_second)
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "20"}
        for array in frames:
            if count == 0:
                stream.height, stream.width = array.shape[:2]
            for packet in stream.encode(av.VideoFrame.from_ndarray(array, format="rgb24")):
                container.mux(packet)
            count += 1
        for packet in stream.encode():
            container.mux(packet)
    return count
