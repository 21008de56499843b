"""Annotations of a scene in the YouTube-VIS form, without drawing its pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from sgnet.data.shapes.masks import visible_masks
from sgnet.data.shapes.scene import Scene
from sgnet.data.shapes.spec import CATEGORY_NAMES

ByteArray = NDArray[np.uint8]
Segmentation = dict[str, object]


@dataclass(frozen=True)
class TrackAnnotation:
    """One object over a video; the lists have one entry a frame, None where it is absent.

    Attributes:
        category_id: from 1, in the order of `CATEGORY_NAMES`.
        segmentations: Compressed RLE of the visible mask, `{"size": [H, W], "counts": str}`.
        bboxes: x, y, w, h of the visible mask in pixels.
        areas: Visible pixels.
    """

    category_id: int
    segmentations: list[Segmentation | None]
    bboxes: list[list[int] | None]
    areas: list[int | None]


def annotate_scene(scene: Scene, min_visible_area: float) -> list[TrackAnnotation]:
    """Annotations of all objects that are visible in at least one frame, back to front.

    Args:
        scene: The scene.
        min_visible_area: Objects with fewer visible pixels are absent from that frame.

    Returns:
        One annotation a track; occluders have none. Empty if nothing is ever visible.
    """
    frames = [visible_masks(scene, number) for number in range(scene.length)]
    tracks = []
    for index, item in enumerate(scene.objects):
        if item.category is None:
            continue
        masks = [
            masks[index] if masks[index].sum() >= min_visible_area else None for masks in frames
        ]
        if any(mask is not None for mask in masks):
            tracks.append(_annotate_track(item.category + 1, masks))
    return tracks


def category_entries() -> list[dict[str, object]]:
    """The `categories` list of the annotation file."""
    return [{"id": index + 1, "name": name} for index, name in enumerate(CATEGORY_NAMES)]


def _annotate_track(category_id: int, masks: list[ByteArray | None]) -> TrackAnnotation:
    return TrackAnnotation(
        category_id=category_id,
        segmentations=[None if mask is None else _encode(mask) for mask in masks],
        bboxes=[None if mask is None else _box(mask) for mask in masks],
        areas=[None if mask is None else int(mask.sum()) for mask in masks],
    )


def _encode(mask: ByteArray) -> Segmentation:
    rle = coco_mask.encode(np.asfortranarray(mask))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def _box(mask: ByteArray) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y]
