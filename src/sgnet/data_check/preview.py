"""Pictures of a data set for the eye: frames beside their annotations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sgnet.data.annotations.coco_stills import load_videos_or_stills
from sgnet.data.annotations.youtube_vis import YouTubeVIS, find_split
from sgnet.data.clips.frames import check_frames, read_frame
from sgnet.ops.rle import decode

ByteArray = NDArray[np.uint8]

_GAP = 4
_COLOURS = (
    (255, 64, 64),
    (64, 255, 64),
    (80, 128, 255),
    (255, 255, 64),
    (255, 64, 255),
    (64, 255, 255),
    (255, 160, 32),
    (255, 255, 255),
)


def contact_sheet(root: Path, split: str, rows: int, columns: int, skip: int = 0) -> ByteArray:
    """Raw frames beside the same frames with mask outlines, track ids and categories.

    Args:
        root: folder of the data set, see `find_split`.
        split: of it.
        rows: videos shown; fewer if the split has fewer.
        columns: frames shown of each video, evenly spread over it; fewer if it has fewer.
        skip: videos before the first one shown.

    Returns:
        RGB picture [H, W, 3], uint8: one row a video, each frame followed by its outlined copy.

    Raises:
        ValueError: `rows` or `columns` is below 1, no video is left, the annotations are malformed
            or name no frames, or a frame cannot be read.
        FileNotFoundError: there is no such split.
    """
    if rows < 1 or columns < 1:
        raise ValueError(f"expected rows >= 1 and columns >= 1, got {rows} and {columns}")
    path, images = find_split(root, split)
    annotations = load_videos_or_stills(path)
    count = len(annotations.videos)
    if not 0 <= skip < count:
        raise ValueError(f"expected skip to leave some of {count} videos, got {skip}")
    chosen = range(skip, min(skip + rows, count))
    check_frames([annotations.videos[v] for v in chosen], images)
    return _below_each_other([_video_strip(annotations, images, v, columns) for v in chosen])


def _below_each_other(strips: Sequence[ByteArray]) -> ByteArray:
    """Strips [h, w, 3] as one picture, filled up with black on the right."""
    width = max(strip.shape[1] for strip in strips)
    filled = [np.pad(s, ((0, 0), (0, width - s.shape[1]), (0, 0))) for s in strips]
    return np.concatenate(filled)


def _video_strip(
    annotations: YouTubeVIS, images: Path, video_index: int, columns: int
) -> ByteArray:
    """One video's row [H, W, 3] of the sheet."""
    video = annotations.videos[video_index]
    cells = []
    numbers = np.linspace(0, video.length - 1, columns).round().astype(int)
    for number in np.unique(numbers).tolist():
        raw = read_frame(images / video.file_names[number], (video.height, video.width))
        cells += [raw, _outlined(raw, annotations, video_index, number)]
    padding = ((0, _GAP), (0, _GAP), (0, 0))
    return np.concatenate([np.pad(cell, padding) for cell in cells], axis=1)


def _outlined(raw: ByteArray, annotations: YouTubeVIS, video_index: int, number: int) -> ByteArray:
    """Copy of a frame [H, W, 3] with the tracks that are present in it."""
    names = {category.id: category.name for category in annotations.categories}
    tracks = annotations.tracks_of_video(annotations.videos[video_index].id)
    order = {annotations.track(index).id: place for place, index in enumerate(tracks)}
    picture = raw.copy()
    for item in annotations.frame_objects(video_index, number):
        colour = _COLOURS[order[item.annotation_id] % len(_COLOURS)]
        mask = decode(item.rle)
        outlines, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, colour, 1)
        x, y, width, height = cv2.boundingRect(mask)
        label = f"{item.annotation_id} {names[item.category_id]}"
        _write_label(picture, label, max(x + width // 2 - 20, 0), y + height // 2, colour)
    return picture


def _write_label(
    picture: ByteArray, label: str, x: int, y: int, colour: tuple[int, int, int]
) -> None:
    """Writes text with a shadow into a picture [H, W, 3] in place."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.35
    cv2.putText(picture, label, (x + 1, y + 1), font, scale, (0, 0, 0), 1)
    cv2.putText(picture, label, (x, y), font, scale, colour, 1)
