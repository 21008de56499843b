"""KITTI MOTS and MOTSChallenge as text: `frame object class height width counts` a line."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from sgnet.conversion.frame_files import check_sizes, frame_numbers, image_size, required
from sgnet.conversion.labelled import (
    LabelledObject,
    LabelledVideo,
    LabelledVideos,
    MaskCollector,
)
from sgnet.conversion.mots import IGNORED_CLASS, read_classes, sequence_frames
from sgnet.ops.checked_json import JsonEntry, describe
from sgnet.ops.rle import rle_from_counts
from sgnet.sources.images import natural_order

FIELDS = ("frame", "object", "class", "height", "width", "counts")


def read_mots_txt(
    source: Path, images: Path | None = None, classes: Mapping[int, str] | None = None
) -> LabelledVideos:
    """A text file for each video; the images decide which frames a video has.

    A frame's number is that its image's name ends in; where not every name ends in one, its place
    from 0. Class 10, regions to ignore, is left out.

    Args:
        source: text file, or a folder of them, such as `instances_txt`.
        images: folder with `<video>/*` or `<video>/img1/*`.
        classes: category names by class number; None reads `classes.json` beside the text files,
            or takes 1 for car and 2 for pedestrian.

    Raises:
        ValueError: files are missing, malformed, or do not fit together.
    """
    source = Path(source)
    files = [source] if source.is_file() else natural_order(source.glob("*.txt"))
    if not files:
        raise ValueError(f"{source}: expected a text file or a folder of them, found none")
    categories = read_classes(files[0].parent, classes)
    names = {category.id: category.name for category in categories}
    folder = required(images)
    read = partial(_read_video, folder, names)
    return LabelledVideos(folder, map(read, files), categories)


def _read_video(images: Path, names: dict[int, str], path: Path) -> LabelledVideo:
    frames = sequence_frames(images, path.stem)
    places = {number: i for i, number in enumerate(frame_numbers([f.name for f in frames]))}
    size = image_size(frames[0])
    check_sizes(frames, size, str(frames[0]))
    collector: MaskCollector[int] = MaskCollector(len(frames))
    class_of: dict[int, int] = {}
    for entry in _lines(path):
        number, kind = entry.integer("object"), entry.integer("class")
        frame = places.get(entry.integer("frame"))
        if frame is None:
            raise entry.wrong("frame", f"the number of an image of {frames[0].parent}")
        if kind == IGNORED_CLASS:
            continue
        if kind not in names:
            raise entry.wrong("class", f"one of {sorted(names)} or {IGNORED_CLASS}")
        if class_of.setdefault(number, kind) != kind:
            raise entry.wrong("class", f"{class_of[number]} as in the lines before of {number}")
        if collector.has(number, frame):
            raise entry.error(f"object must be unique in a frame, got {number} again")
        _check_size(entry, size)
        try:
            collector.add(number, frame, rle_from_counts(entry.text("counts"), *size))
        except ValueError as error:
            raise entry.error(str(error)) from error
    objects = [
        LabelledObject(names[class_of[number]], masks)
        for number, masks in sorted(collector.items())
    ]
    file_names = tuple(frame.relative_to(images).as_posix() for frame in frames)
    return LabelledVideo(path.stem, *size, file_names, tuple(objects))


def _lines(path: Path) -> list[JsonEntry]:
    """The lines as entries."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected plain text (ASCII), got {error.reason}") from error
    entries = []
    for number, line in enumerate(lines, start=1):
        parts = line.split()
        if not parts:
            continue
        entry = JsonEntry(str(path), f"line {number}", dict.fromkeys(FIELDS))
        if len(parts) != len(FIELDS):
            raise entry.error(
                f"expected {len(FIELDS)} fields ({' '.join(FIELDS)}), got {len(parts)}"
            )
        for name, text in zip(FIELDS, parts, strict=True):
            is_number = name != "counts" and text.isdecimal() and len(text) < 19
            entry.fields[name] = int(text) if is_number else text
        entries.append(entry)
    return entries


def _check_size(entry: JsonEntry, size: tuple[int, int]) -> None:
    found = (entry.fields["height"], entry.fields["width"])
    if found != size:
        raise entry.error(
            f"height and width must be those of the images, {size[0]} {size[1]}, "
            f"got {describe(found[0])} {describe(found[1])}"
        )
