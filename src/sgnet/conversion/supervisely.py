"""Supervisely's video annotations: a JSON file a video with figures of objects, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sgnet.conversion.coco_video import check_boxes
from sgnet.conversion.embedded_png import embedded_png
from sgnet.conversion.frame_files import check_sizes, frames_in, required, video_folder
from sgnet.conversion.labelled import (
    LabelledObject,
    LabelledVideo,
    LabelledVideos,
    MaskCollector,
)
from sgnet.conversion.regions import checked_points, pasted_mask
from sgnet.data.annotations.annotation_entries import MAX_FRAMES
from sgnet.files.checked_json import JsonEntry, as_entries, top_level_object
from sgnet.files.listing import listed
from sgnet.inference.sources.images import natural_order
from sgnet.ops.rle import MAX_SIDE, encode
from sgnet.records import Rle


def read_supervisely(
    source: Path, images: Path | None = None, boxes: str = "refuse"
) -> LabelledVideos:
    """Polygons and bitmaps of one or several videos; the images decide which frames there are.

    Polygons and boxes are drawn as Supervisely does, their outline's pixels included.

    Args:
        source: JSON file, or a folder with `ann/*.json`, at any depth, or `*.json`.
        images: folder with the video's images, or with a folder of them for each video; frame k of
            the labels is the k-th of them, from 0.
        boxes: `refuse` rectangles, or `mask`: the box is the mask.

    Raises:
        ValueError: a file is malformed, or does not fit the images.
    """
    source, folder = Path(source), required(images)
    files = natural_order(listed(source, "**/ann/*.json") or listed(source, "*.json"))
    files = [source] if source.is_file() else files
    if not files:
        raise ValueError(f"{source}: expected JSON files, found none")
    return LabelledVideos(folder, map(partial(_read_video, folder, check_boxes(boxes)), files))


def _read_video(images: Path, boxes: bool, path: Path) -> LabelledVideo:
    document = top_level_object(path)
    name = Path(path.stem).stem  # of clip.mp4.json
    frames = frames_in(video_folder(images, name))
    size_entry = _inner(document, "size")
    size = (size_entry.integer("height", 1, MAX_SIDE), size_entry.integer("width", 1, MAX_SIDE))
    if document.has("framesCount") and document.integer("framesCount") != len(frames):
        raise document.wrong("framesCount", f"{len(frames)}, the images of {frames[0].parent}")
    titles = _titles(document)
    collector: MaskCollector[str] = MaskCollector(len(frames))
    for frame, figure in _figures(document, len(frames)):
        key = _key(figure, ("objectKey", "objectId"))
        if key not in titles:
            raise figure.error(f"objectKey must be the key of an object of this file, got {key!r}")
        collector.add(key, frame, _mask(figure, size, boxes))
    check_sizes(frames, size, str(path))
    found = dict(collector.items())
    objects = [LabelledObject(titles[key], found[key]) for key in titles if key in found]
    names = tuple(frame.relative_to(images).as_posix() for frame in frames)
    return LabelledVideo(name, *size, names, tuple(objects))


def _inner(entry: JsonEntry, name: str) -> JsonEntry:
    value = entry.fields.get(name)
    if not isinstance(value, dict):
        raise entry.wrong(name, "an object {...}")
    place = ": ".join(part for part in (entry.name, name) if part)
    return JsonEntry(entry.file, place, value)


def _titles(document: JsonEntry) -> dict[str, str]:
    """Category names by object key."""
    titles: dict[str, str] = {}
    for entry in as_entries(document.file, "objects", document.items("objects")):
        key = _key(entry, ("key", "id"))
        if key in titles:
            raise entry.error(f"key must be unique, got {key!r} again")
        titles[key] = entry.text("classTitle")
    return titles


def _key(entry: JsonEntry, names: tuple[str, ...]) -> str:
    for name in names:
        if entry.has(name):
            value = entry.fields[name]
            is_number = isinstance(value, int | float)
            return str(entry.integer(name)) if is_number else entry.text(name)
    raise entry.error(f"{' or '.join(names)} must be there, got neither")


def _figures(document: JsonEntry, length: int) -> Iterator[tuple[int, JsonEntry]]:
    """Each figure with its frame."""
    for frame in as_entries(document.file, "frames", document.items("frames")):
        index = frame.integer("index", maximum=min(length, MAX_FRAMES) - 1)
        place = f"{frame.name} (index {index}): figures"
        for figure in as_entries(document.file, place, frame.items("figures")):
            yield index, figure


def _mask(figure: JsonEntry, size: tuple[int, int], boxes: bool) -> Rle:
    kind = figure.text("geometryType")
    geometry = _inner(figure, "geometry")
    if kind == "bitmap":
        return _bitmap(_inner(geometry, "bitmap"), size)
    if kind == "rectangle" and not boxes:
        raise figure.error("expected a bitmap or polygon, got a rectangle (boxes=mask takes it)")
    if kind not in ("polygon", "rectangle"):
        raise figure.wrong("geometryType", "bitmap, polygon or rectangle")
    points = _inner(geometry, "points")
    exterior = checked_points(points, "exterior", points.fields.get("exterior"), 2)
    if kind == "rectangle":
        (left, top), (right, bottom) = exterior.min(axis=0), exterior.max(axis=0)
        exterior = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    elif len(exterior) < 3:
        raise points.error(f"exterior must be at least 3 points, got {len(exterior)}")
    holes = points.items("interior") if points.has("interior") else []
    canvas = np.zeros(size, dtype=np.uint8)
    cv2.fillPoly(canvas, [exterior.round().astype(np.int32)], 1)
    for index, hole in enumerate(holes):
        outline = checked_points(points, f"interior[{index}]", hole, 3)
        cv2.fillPoly(canvas, [outline.round().astype(np.int32)], 0)
    return encode(canvas)


def _bitmap(bitmap: JsonEntry, size: tuple[int, int]) -> Rle:
    """A PNG, compressed again and in base64, at its origin."""
    origin = checked_points(bitmap, "origin", [bitmap.fields.get("origin")], 1)[0]
    image = embedded_png(bitmap, "data", (size[1], size[0]), compressed=True)
    part = _foreground(bitmap, image)
    return pasted_mask(part, int(origin[0]), int(origin[1]), size)


def _foreground(bitmap: JsonEntry, image: Image.Image) -> NDArray[np.bool_]:
    """Opaque pixels where the PNG has transparency, else those that are not black."""
    if "A" in image.mode or "transparency" in image.info:
        return np.asarray(image.convert("RGBA"))[..., 3].astype(bool)
    if image.mode not in ("1", "L"):
        raise bitmap.error(f"data must be a PNG in grey or with transparency, got {image.mode}")
    return np.asarray(image).astype(bool)
