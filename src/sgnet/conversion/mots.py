"""KITTI MOTS and MOTSChallenge, as 16-bit PNGs and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sgnet.conversion.davis import chosen_folders
from sgnet.conversion.frame_files import (
    check_sizes,
    checked_size,
    frame_numbers,
    frames_in,
    image_size,
    images_of,
    own_folder,
    read_index_image,
    required,
)
from sgnet.conversion.index_images import masks_by_number
from sgnet.conversion.labelled import (
    LabelledObject,
    LabelledVideo,
    LabelledVideos,
    MaskCollector,
)
from sgnet.files.checked_json import JsonEntry, describe, top_level_object
from sgnet.files.listing import listed
from sgnet.files.text_file import read_text
from sgnet.inference.sources.images import natural_order
from sgnet.ops.rle import rle_from_counts
from sgnet.records import Category

PER_CLASS = 1000  # an object's number is class * 1000 + instance
IGNORED_CLASS = 10
IGNORED = IGNORED_CLASS * PER_CLASS
MOST_CLASSES = 64  # 65 * 1000 + 999 no longer fits into 16 bits
STANDARD = {1: "car", 2: "pedestrian"}
CLASSES_FILE = "classes.json"
FIELDS = ("frame", "object", "class", "height", "width", "counts")  # of a line


def read_classes(source: Path, classes: Mapping[int, str] | None) -> tuple[Category, ...]:
    """The categories by class number.

    Args:
        source: folder whose `classes.json` {number: name} is read where `classes` is None; without
            such a file, 1 is car and 2 pedestrian.
        classes: names by number.

    Raises:
        ValueError: a number is not from 1 to 64 or 10, or a name is no text.
    """
    place = "classes"
    given: Mapping[Any, object] = STANDARD if classes is None else classes
    if classes is None and (source / CLASSES_FILE).is_file():
        document = top_level_object(source / CLASSES_FILE)
        place = document.file
        given = {int(key) if key.isdecimal() else key: v for key, v in document.fields.items()}
    found = []
    for number, name in given.items():
        if not is_class(number) or not isinstance(name, str) or not name:
            raise ValueError(
                f"{place}: expected names by class number from 1 to {MOST_CLASSES} without "
                f"{IGNORED_CLASS}, got {describe(number)}: {describe(name)}"
            )
        found.append(Category(number, name))
    return tuple(sorted(found, key=lambda category: category.id))


def is_class(number: object) -> bool:
    """Whether a number can be a class; the one of regions to ignore is none."""
    if not isinstance(number, int) or isinstance(number, bool):
        return False
    return 1 <= number <= MOST_CLASSES and number != IGNORED_CLASS


def class_numbers(categories: Sequence[Category]) -> dict[str, int]:
    """A class number for each category: its id where all ids can be, else 1, 2, ... without 10.

    Raises:
        ValueError: there are more categories than class numbers.
    """
    if all(is_class(category.id) for category in categories):
        return {category.name: category.id for category in categories}
    free = [number for number in range(1, MOST_CLASSES + 1) if number != IGNORED_CLASS]
    if len(categories) > len(free):
        raise ValueError(f"categories must be at most {len(free)} for MOTS, got {len(categories)}")
    return {c.name: number for c, number in zip(categories, free, strict=False)}


def sequence_frames(images: Path, name: str) -> list[Path]:
    """A video's images: `<images>/<name>` (KITTI) or `<images>/<name>/img1` (MOTSChallenge)."""
    nested = images / name / "img1"
    return frames_in(nested if nested.is_dir() else own_folder(images, name))


def read_mots_png(
    source: Path,
    images: Path | None = None,
    videos: Path | None = None,
    classes: Mapping[int, str] | None = None,
) -> LabelledVideos:
    """A folder of PNGs for each video; they decide which frames a video has.

    0 is background; 10000, the region to ignore, is left out.

    Args:
        source: folder with one folder a video, such as `instances`.
        images: folder with `<video>/*` or `<video>/img1/*`.
        videos: text file with names of videos; None takes all.
        classes: category names by class number; None reads `source/classes.json`, or takes 1 for
            car and 2 for pedestrian.

    Raises:
        ValueError: files are missing, malformed, or do not fit together.
    """
    categories = read_classes(Path(source), classes)
    names = {category.id: category.name for category in categories}
    folders = chosen_folders(Path(source), Path(videos) if videos is not None else None)
    frames = required(images)
    read = partial(_read_png_video, frames, names)
    return LabelledVideos(frames, map(read, folders), categories)


def _read_png_video(images: Path, names: dict[int, str], folder: Path) -> LabelledVideo:
    labels = [path for path in frames_in(folder) if path.suffix.lower() == ".png"]
    if not labels:
        raise ValueError(f"{folder}: expected PNG files, found none")
    frames = images_of(labels, sequence_frames(images, folder.name))
    size = None
    collector: MaskCollector[int] = MaskCollector(len(labels))
    for frame, path in enumerate(labels):
        image = read_index_image(path)
        size = checked_size(path, image, size)
        for number, mask in masks_by_number(image, (0, IGNORED)):
            if number // PER_CLASS not in names:
                raise ValueError(
                    f"{path}: pixels expected 0, {IGNORED}, or class * {PER_CLASS} + instance with "
                    f"a class of {sorted(names)}, got {number}"
                )
            collector.add(number, frame, mask)
    size = size or (0, 0)
    check_sizes(frames, size, str(labels[0]))
    objects = [
        LabelledObject(names[number // PER_CLASS], masks)
        for number, masks in sorted(collector.items())
    ]
    file_names = tuple(frame.relative_to(images).as_posix() for frame in frames)
    return LabelledVideo(folder.name, *size, file_names, tuple(objects))


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
    files = [source] if source.is_file() else natural_order(listed(source, "*.txt"))
    if not files:
        raise ValueError(f"{source}: expected a text file or a folder of them, found none")
    categories = read_classes(files[0].parent, classes)
    names = {category.id: category.name for category in categories}
    folder = required(images)
    read = partial(_read_text_video, folder, names)
    return LabelledVideos(folder, map(read, files), categories)


def _read_text_video(images: Path, names: dict[int, str], path: Path) -> LabelledVideo:
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
    text = read_text(path, "lines of MOTS")
    if not text.isascii():
        raise ValueError(f"{path}: expected plain text (ASCII), got {_first_beyond_ascii(text)!r}")
    lines = text.splitlines()
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
            digits = text.removesuffix(".0")  # as pandas writes them
            is_number = name != "counts" and digits.isdecimal() and len(digits) < 19
            entry.fields[name] = int(digits) if is_number else text
        entries.append(entry)
    return entries


def _first_beyond_ascii(text: str) -> str:
    return next(character for character in text if not character.isascii())


def _check_size(entry: JsonEntry, size: tuple[int, int]) -> None:
    found = (entry.fields["height"], entry.fields["width"])
    if found != size:
        raise entry.error(
            f"height and width must be those of the images, {size[0]} {size[1]}, "
            f"got {describe(found[0])} {describe(found[1])}"
        )
