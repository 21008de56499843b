"""A small YouTube-VIS data set: names beyond ASCII, frames from 10, gaps, an empty video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from sgnet.data.annotations.annotation_writer import visible_track
from sgnet.ops.rle import encode
from sgnet.records import Category, Video

CATEGORIES = (Category(3, "bär"), Category(7, "ape"))
VIDEOS = (
    Video(1, 24, 16, 3, ("vidéo/00010.png", "vidéo/00015.png", "vidéo/00020.png")),
    Video(2, 24, 16, 2, ("empty/00003.png", "empty/00004.png")),
    Video(3, 8, 6, 1, ("one/00000.png",)),
)


def rectangle(size, top, left, bottom, right):
    mask = np.zeros(size, np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def ring_and_spot():
    mask = rectangle((16, 24), 2, 2, 9, 9) - rectangle((16, 24), 4, 4, 6, 7)
    return mask | rectangle((16, 24), 12, 20, 16, 24)


def tracks():
    moving = [encode(rectangle((16, 24), 0, 12 + n, 5, 16 + n)) for n in range(3)]
    return [
        visible_track(1, 1, 7, [encode(ring_and_spot()), None, encode(ring_and_spot())]),
        visible_track(2, 1, 3, moving),
        visible_track(3, 3, 7, [encode(rectangle((6, 8), 0, 0, 6, 8))]),
    ]


def write_images(folder: Path, videos=VIDEOS) -> Path:
    """Writes a grey image for each frame."""
    for video in videos:
        for name in video.file_names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _, data = cv2.imencode(path.suffix, np.full((video.height, video.width, 3), 90, "u1"))
            path.write_bytes(data.tobytes())
    return folder
