"""LabelMe: a JSON file for each frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from sgnet.conversion.embedded_png import embedded_png
from sgnet.conversion.frame_files import check_sizes, folders_in, frames_in, written_frame
from sgnet.conversion.grouping import ShapeGrouper
from sgnet.conversion.labelled import LabelledObject, LabelledVideo, LabelledVideos
from sgnet.conversion.regions import (
    Points,
    box_mask,
    checked_points,
    ellipse_mask,
    pasted_mask,
    polygon_mask,
)
from sgnet.data.annotations.annotation_entries import is_inside
from sgnet.files.checked_json import JsonEntry, as_entries, top_level_object
from sgnet.files.listing import listed
from sgnet.inference.sources.images import natural_order
from sgnet.ops.rle import MAX_SIDE
from sgnet.records import Rle

LEAST_POINTS = {"polygon": 3, "rectangle": 2, "circle": 2, "mask": 2}


def read_labelme(
    source: Path, images: Path | None = None, identity: str = "group", frames: str = "labelled"
) -> LabelledVideos:
    """A folder of JSON files is a video; so is each folder of a folder that holds none itself.

    Shapes of a frame with the same label and group_id are one object, over all frames.

    Args:
        source: folder.
        images: folder of the images, laid out as `source`; None is `source`.
        identity: see `ShapeGrouper`.
        frames: `labelled` takes frames that have a JSON file; `all` takes every image, and those
            without JSON file show no object.

    Raises:
        ValueError: files are missing, malformed, or do not fit together.
    """
    if frames not in ("labelled", "all"):
        raise ValueError(f"frames must be 'labelled' or 'all', got {frames!r}")
    source = Path(source)
    folders = [source] if listed(source, "*.json") else folders_in(source)
    if not folders:
        raise ValueError(f"{source}: expected JSON files or folders of them, found none")
    root = Path(images) if images is not None else source
    options = _Options(source, root, identity, frames == "all")
    return LabelledVideos(root, map(partial(_read_video, options), folders))


@dataclass(frozen=True)
class _Options:
    source: Path
    images: Path
    identity: str
    all_frames: bool


@dataclass(frozen=True)
class _Frame:
    """The shapes of one frame and its image."""

    image: Path
    size: tuple[int, int] | None
    shapes: list[JsonEntry]


def _read_video(options: _Options, folder: Path) -> LabelledVideo:
    images = options.images / folder.relative_to(options.source)
    files = natural_order(listed(folder, "*.json"))
    if not files:
        raise ValueError(f"{folder}: expected JSON files, found none")
    labelled = [_read_frame(path, images) for path in files]
    frames = {frame.image: frame for frame in labelled}
    if len(frames) != len(labelled):
        raise ValueError(f"{folder}: imagePath must differ between the files, got one twice")
    ordered = natural_order(frames)
    if options.all_frames:
        ordered = natural_order({*frames, *frames_in(images)})
    size = labelled[0].size or (0, 0)
    for path, frame in zip(files, labelled, strict=True):
        if frame.size != size:
            raise ValueError(
                f"{path}: imageHeight and imageWidth must be {size} as in {files[0].name}, "
                f"got {frame.size}"
            )
    check_sizes(ordered, size, str(files[0]))
    grouper = ShapeGrouper(len(ordered), options.identity)
    for place, image in enumerate(ordered):
        for entry in frames[image].shapes if image in frames else ():
            group = entry.integer("group_id") if entry.has("group_id") else None
            grouper.add(entry, entry.text("label"), group, place, _mask(entry, size))
    objects = tuple(LabelledObject(key.label, masks) for key, masks in grouper.objects())
    names = tuple(image.relative_to(options.images).as_posix() for image in ordered)
    name = folder.name if folder != options.source else folder.resolve().name
    return LabelledVideo(name, *size, names, objects)


def _read_frame(path: Path, images: Path) -> _Frame:
    """A JSON file; of imagePath only the file's name counts."""
    document = top_level_object(path)
    name = PureWindowsPath(document.text("imagePath")).name  # splits at / and at \
    if not name or not is_inside(name):
        raise document.wrong("imagePath", f"the path of an image of {images}")
    size = (
        document.integer("imageHeight", 1, MAX_SIDE),
        document.integer("imageWidth", 1, MAX_SIDE),
    )
    shapes = as_entries(document.file, "shapes", document.items("shapes"))
    image = images / name
    if not image.is_file():
        image = written_frame(images, name) or image
    return _Frame(image, size, shapes)


def _mask(entry: JsonEntry, size: tuple[int, int]) -> Rle:
    kind = entry.text("shape_type") if entry.has("shape_type") else "polygon"
    if kind not in LEAST_POINTS:
        raise entry.wrong("shape_type", f"one of {', '.join(LEAST_POINTS)}")
    points = checked_points(entry, "points", entry.fields.get("points"), LEAST_POINTS[kind])
    if kind == "polygon":
        return polygon_mask(points, size)
    if len(points) != 2:
        raise entry.error(f"points must be 2 for a {kind}, got {len(points)}")
    if kind == "rectangle":
        return box_mask(points, size)
    if kind == "circle":
        radius = float(np.linalg.norm(points[1] - points[0]))
        return ellipse_mask(points[0], np.array([radius, radius]), size)
    left, top = (int(number) for number in points.min(axis=0))
    return pasted_mask(_embedded(entry, points, size), left, top, size)


def _embedded(entry: JsonEntry, points: Points, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The PNG of a mask, [h, w]; its box includes the corner's pixel."""
    width, height = (int(side) + 1 for side in points.max(axis=0) - points.min(axis=0))
    if width > size[1] or height > size[0]:
        raise entry.error(
            f"points of a mask must be inside {size[1]} x {size[0]} pixels, got {width} x {height}"
        )
    image = embedded_png(entry, "mask", (size[1], size[0]))
    if image.size != (width, height):
        raise entry.error(
            f"mask must be {width} x {height} pixels as its points say, got "
            f"{image.size[0]} x {image.size[1]}"
        )
    if image.mode not in ("1", "L", "P"):
        raise entry.error(f"mask must be a PNG in grey, got mode {image.mode}")
    return np.asarray(image).astype(bool)
