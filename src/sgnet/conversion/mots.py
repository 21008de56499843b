"""What KITTI MOTS and MOTSChallenge have in common as PNG and text: classes, folders of frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sgnet.conversion.frame_files import frames_in
from sgnet.ops.checked_json import describe, is_integer, top_level_object
from sgnet.records import Category

PER_CLASS = 1000  # an object's number is class * 1000 + instance
IGNORED_CLASS = 10
IGNORED = IGNORED_CLASS * PER_CLASS
MOST_CLASSES = 64  # 65 * 1000 + 999 no longer fits into 16 bits
STANDARD = {1: "car", 2: "pedestrian"}
CLASSES_FILE = "classes.json"


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
    return (
        is_integer(number)
        and isinstance(number, int)
        and 1 <= number <= MOST_CLASSES
        and number != IGNORED_CLASS
    )


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
    return frames_in(nested if nested.is_dir() else images / name)
