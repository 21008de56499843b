"""CVAT's XML 1.1, both kinds: `for video` with tracks and `for images` with grouped shapes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

from sgnet.conversion.coco_video import check_boxes
from sgnet.conversion.cvat_frames import FrameTable, image_frames, track_frames
from sgnet.conversion.cvat_shapes import IGNORED, Shape, between, parse_shape
from sgnet.conversion.frame_files import check_sizes, required
from sgnet.conversion.grouping import ShapeGrouper
from sgnet.conversion.labelled import LabelledObject, LabelledVideo, LabelledVideos
from sgnet.files.checked_json import JsonEntry
from sgnet.files.listing import listed
from sgnet.files.xml_file import as_entry, read_xml, with_numbers
from sgnet.inference.sources.images import natural_order
from sgnet.records import Category, Rle


def read_cvat(
    source: Path, images: Path | None = None, boxes: str = "refuse", identity: str = "group"
) -> LabelledVideos:
    """One XML file a video.

    Tracks are objects. Shapes of a single frame, as CVAT has all masks, are one object where label
    and group are the same. Between keyframes polygons of as many points and boxes move in straight
    lines; other shapes must be there for every frame.

    Args:
        source: XML file, or a folder of them.
        images: folder with the video's images, or with a folder of them named as each XML file.
        boxes: `refuse` boxes, or `mask`: the box is the mask.
        identity: see `ShapeGrouper`.

    Raises:
        ValueError: a file is malformed, or does not fit the images.
    """
    source, images = Path(source), required(images)
    files = [source] if source.is_file() else natural_order(listed(source, "*.xml"))
    if not files:
        raise ValueError(f"{source}: expected an XML file or a folder of them, found none")
    options = _Options(images, check_boxes(boxes), identity)
    categories = _declared(files)
    return LabelledVideos(images, map(partial(_read_video, options), files), categories)


@dataclass(frozen=True)
class _Options:
    images: Path
    boxes: bool
    identity: str


def _declared(files: list[Path]) -> tuple[Category, ...] | None:
    """The labels of all files, from 1 in the order of the first; None where none declares any."""
    names: dict[str, None] = {}
    for path in files:
        root = read_xml(path)
        found = [label.findtext("name") for label in root.iterfind("meta//labels/label")]
        used = [element.get("label") for element in root.iter() if "label" in element.attrib]
        names |= dict.fromkeys(name for name in (*found, *used) if name)
    return tuple(Category(i, name) for i, name in enumerate(names, start=1)) or None


def _read_video(options: _Options, path: Path) -> LabelledVideo:
    root = read_xml(path)
    if root.tag != "annotations":
        raise ValueError(f"{path}: expected CVAT's <annotations>, got <{root.tag}>")
    if root.find("image") is not None:
        table = image_frames(path, root, options.images)
        objects = _objects_of_images(path, root, table, options)
    else:
        table = track_frames(path, root, options.images)
        objects = _objects_of_tracks(path, root, table, options)
    check_sizes([options.images / name for name in table.file_names], table.size, str(path))
    return LabelledVideo(path.stem, *table.size, table.file_names, tuple(objects))


def _objects_of_images(
    path: Path, root: Element, table: FrameTable, options: _Options
) -> Iterator[LabelledObject]:
    grouper = ShapeGrouper(len(table.numbers), options.identity)
    for image in root.iterfind("image"):
        number = with_numbers(as_entry(str(path), "image", image)).integer("id")
        for index, element in enumerate(e for e in image if e.tag not in IGNORED):
            name = f"image {number}: {element.tag}[{index}]"
            shape = parse_shape(str(path), name, element, options.boxes)
            label = as_entry(str(path), name, element).text("label")
            mask = shape.mask(table.size)
            grouper.add(shape.entry, label, _group(shape.entry), table.places[number], mask)
    for key, masks in grouper.objects():
        yield LabelledObject(key.label, masks)


def _group(entry: JsonEntry) -> int | None:
    """The group; 0 is CVAT's word for none."""
    return (entry.integer("group_id") or None) if entry.has("group_id") else None


def _objects_of_tracks(
    path: Path, root: Element, table: FrameTable, options: _Options
) -> Iterator[LabelledObject]:
    grouper = ShapeGrouper(len(table.numbers), options.identity)
    seen: set[int] = set()
    alone = 0
    for element in root.iterfind("track"):
        name = f"track {element.get('id')}"
        entry = with_numbers(as_entry(str(path), name, element))
        number = entry.integer("id")
        if number in seen:
            raise entry.error(f"id must be unique, got the duplicate {number}")
        seen.add(number)
        label = as_entry(str(path), name, element).text("label")
        masks = _masks(_shapes_by_place(path, name, element, table, options.boxes), table)
        shown = [(place, mask) for place, mask in enumerate(masks) if mask is not None]
        group = _group(entry)
        is_shape = group is not None or options.identity == "label" or _has_masks(element)
        if len(shown) == 1 and is_shape:
            grouper.add(entry, label, group, *shown[0])
        else:
            alone += len(shown) == 1 < len(table.numbers)
            yield LabelledObject(label, tuple(masks))
    if alone:
        warnings.warn(
            f"{path}: {alone} tracks without group_id show one frame only; each is an object of "
            "its own. If they were drawn as shapes, group them, or set identity=label",
            UserWarning,
            stacklevel=2,
        )
    for key, found in grouper.objects():
        yield LabelledObject(key.label, found)


def _has_masks(track: Element) -> bool:
    return track.find("mask") is not None


def _shapes_by_place(
    path: Path, name: str, track: Element, table: FrameTable, boxes: bool
) -> dict[int, Shape]:
    """A track's shapes by their frame's place in the video."""
    shapes: dict[int, Shape] = {}
    for element in track:
        if element.tag in IGNORED:
            continue
        shape = parse_shape(
            str(path), f"{name}: {element.tag} of frame {element.get('frame')}", element, boxes
        )
        number = shape.entry.integer("frame")
        shape.entry.integer("outside", maximum=1)
        place = table.places.get(number)
        if place is None and number > table.numbers[-1] and shape.entry.fields["outside"]:
            continue  # how CVAT ends a track behind the last frame
        if place is None:
            raise shape.entry.wrong("frame", f"one of {table.described()}")
        if place in shapes:
            raise shape.entry.error(f"frame must be unique in its track, got {number} again")
        shapes[place] = shape
    return dict(sorted(shapes.items()))


def _masks(shapes: dict[int, Shape], table: FrameTable) -> list[Rle | None]:
    """A track's masks; frames between keyframes are interpolated, those behind the last absent."""
    masks: list[Rle | None] = [None] * len(table.numbers)
    places = list(shapes)
    gaps = False
    for place, following in zip(places, [*places[1:], None], strict=True):
        shape = shapes[place]
        if shape.entry.fields["outside"]:
            continue
        masks[place] = shape.mask(table.size)
        for frame in range(place + 1, place + 1 if following is None else following):
            gaps = True
            share = (frame - place) / ((following or frame) - place)
            masks[frame] = _interpolated(shape, shapes[following or place], share).mask(table.size)
    if gaps and places[-1] < len(masks) - 1 and masks[places[-1]] is not None:
        last = shapes[places[-1]].entry
        warnings.warn(
            str(last.error("no shape follows; the object counts as absent behind this frame")),
            UserWarning,
            stacklevel=2,
        )
    return masks


def _interpolated(shape: Shape, following: Shape, share: float) -> Shape:
    """As CVAT does: an object that ends at the next keyframe stays where it is until then."""
    if following.entry.fields["outside"] and shape.kind != "mask":
        return shape
    return between(shape, following, share)
