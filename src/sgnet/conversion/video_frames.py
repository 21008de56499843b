"""A video file's frames as images."""

from __future__ import annotations

from pathlib import Path

import cv2

from sgnet.sources import open_source

QUALITY = 95


def write_frames(video: Path, folder: Path) -> int:
    """Writes `000000.jpg`, `000001.jpg`, ... as the frames are shown; JPEG loses a little.

    Returns:
        Number of frames.

    Raises:
        ValueError: no video file, or one that cannot be read to its end.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for frame in open_source(video):
        picture = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        (folder / f"{frame.index:06d}.jpg").write_bytes(data.tobytes())
        count += 1
    return count
