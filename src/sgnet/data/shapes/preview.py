"""Pictures of a written `shapes` split for the eye."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

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


def contact_sheet(root: Path, split: str, rows: int, columns: int) -> ByteArray:
    """Raw frames beside the same frames with mask outlines, track ids and categories.

    Args:
        root: Folder of the data set.
        split: Split with `instances.json`.
        rows: Videos shown, the first ones; fewer if the split has fewer.
        columns: Frames shown of each video, evenly spread over it.

    Returns:
        RGB picture [H, W, 3], uint8: one row a video, each frame followed by its outlined copy.

    Raises:
        ValueError: `rows` or `columns` is below 1.
        FileNotFoundError: The annotation file or a frame is missing.
    """
    if rows < 1 or columns < 1:
        raise ValueError(f"expected rows >= 1 and columns >= 1, got {rows} and {columns}")
    folder = Path(root) / split
    content = json.loads((folder / "instances.json").read_text(encoding="utf-8"))
    names = {category["id"]: category["name"] for category in content["categories"]}
    strips = []
    for video in content["videos"][:rows]:
        tracks = [entry for entry in content["annotations"] if entry["video_id"] == video["id"]]
        strips.append(_video_strip(folder / "JPEGImages", video, tracks, names, columns))
    return np.concatenate(strips)


def _video_strip(
    frames: Path,
    video: dict[str, Any],
    tracks: list[dict[str, Any]],
    names: dict[int, str],
    columns: int,
) -> ByteArray:
    """One video's row [H, W, 3] of the sheet."""
    cells = []
    for number in np.linspace(0, video["length"] - 1, columns).round().astype(int):
        raw = _read(frames / video["file_names"][number])
        cells += [raw, _outlined(raw, tracks, names, int(number))]
    padding = ((0, _GAP), (0, _GAP), (0, 0))
    return np.concatenate([np.pad(cell, padding) for cell in cells], axis=1)


def _read(path: Path) -> ByteArray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise FileNotFoundError(f"expected a readable frame at {path}")
    return np.asarray(image[..., ::-1], dtype=np.uint8)


def _outlined(
    raw: ByteArray, tracks: list[dict[str, Any]], names: dict[int, str], number: int
) -> ByteArray:
    """Copy of a frame [H, W, 3] with the tracks that are present in it."""
    picture = np.ascontiguousarray(raw)
    for index, entry in enumerate(tracks):
        if entry["segmentations"][number] is None:
            continue
        colour = _COLOURS[index % len(_COLOURS)]
        mask = coco_mask.decode(entry["segmentations"][number])
        outlines, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, colour, 1)
        x, y, width, height = entry["bboxes"][number]
        label = f"{entry['id']} {names[entry['category_id']]}"
        _write_label(picture, label, max(x + width // 2 - 20, 0), y + height // 2, colour)
    return picture


def _write_label(
    picture: ByteArray, label: str, x: int, y: int, colour: tuple[int, int, int]
) -> None:
    """Writes text with a shadow into a picture [H, W, 3] in place."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.35
    cv2.putText(picture, label, (x + 1, y + 1), font, scale, (0, 0, 0), 1)
    cv2.putText(picture, label, (x, y), font, scale, colour, 1)
