"""What a checkpoint or an exported model says about itself, checked where it is read; no torch.

The file may be a stranger's. Every error names the file, the entry by its dotted path, what was
expected and what came.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from sgnet.files.checked_json import JsonEntry, as_entries, describe, identified
from sgnet.files.checked_values import shown
from sgnet.ops.frame_sizes import SIZE_DIVISOR
from sgnet.records import Category
from sgnet.tracking import MovementTracker
from sgnet.tracking.movement_tracker import BEFORE_COSTS

CHECKPOINT_KEY = "sgnet"  # of the description, in checkpoints and in exported models
LONGEST_TEXT = 2**24  # characters of a description
LONGEST_SIDE = 8192  # pixels of the network's input
MASK_STRIDES = (8, 4, 2)
Built = TypeVar("Built")


@dataclass(frozen=True)
class ExportDescription:
    """What an exported model says about itself.

    Attributes:
        input_size: (height, width) of the frames it takes.
        categories: by class index.
        tracker: settings of `MovementTracker`.
        features: [L, C] of the features that go from frame to frame.
        mask_stride: input pixels per mask pixel.
    """

    input_size: tuple[int, int]
    categories: tuple[Category, ...]
    tracker: dict[str, Any]
    features: tuple[int, int]
    mask_stride: int

    @classmethod
    def parse(cls, file: str, text: str) -> Self:
        """Reads the entry of an exported model.

        Args:
            file: its path, for messages.
            text: JSON.

        Raises:
            ValueError: no JSON, or an entry that is missing or wrong.
        """
        entry = as_description(file, _parsed(file, text))
        tracker = BEFORE_COSTS | settings_of(entry, "tracker")
        call(MovementTracker, tracker, f"{file}: {CHECKPOINT_KEY}.tracker")
        length, width = _pair(entry, "features", 1, 2**31)
        stride = entry.integer("mask_stride", min(MASK_STRIDES))
        if stride not in MASK_STRIDES:
            raise entry.wrong("mask_stride", f"one of {MASK_STRIDES}")
        return cls(input_size_of(entry), categories_of(entry), tracker, (length, width), stride)

    def as_json(self) -> dict[str, Any]:
        """The entry as it is written."""
        return {
            "input_size": list(self.input_size),
            "categories": [{"id": c.id, "name": c.name} for c in self.categories],
            "tracker": dict(self.tracker),
            "features": list(self.features),
            "mask_stride": self.mask_stride,
        }


def as_description(file: str, value: object) -> JsonEntry:
    """The description as an entry.

    Raises:
        ValueError: it is no mapping.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{file}: {CHECKPOINT_KEY} must be an object, got {shown(value)}")
    return JsonEntry(file, CHECKPOINT_KEY, value)


def categories_of(entry: JsonEntry, classes: int | None = None) -> tuple[Category, ...]:
    """The categories by class index.

    Args:
        entry: the description.
        classes: of the network, where that is known.

    Raises:
        ValueError: they are no list of ids and names, one has an id or name of another, or there
            are more or fewer than classes.
    """
    values = entry.items("categories", classes, "one for each class of the network")
    if not values:
        raise entry.error("categories must have at least one entry, got none")
    found: list[Category] = []
    ids: set[int] = set()
    names: set[str] = set()
    for item in as_entries(entry.file, f"{entry.name}.categories", values):
        item = identified(item, ids)
        name = item.text("name")
        if name in names:
            raise item.error(f"name must be unique, got the duplicate {describe(name)}")
        names.add(name)
        found.append(Category(item.integer("id"), name))
    return tuple(found)


def input_size_of(entry: JsonEntry) -> tuple[int, int]:
    """(height, width) of the network's input.

    Raises:
        ValueError: not two multiples of 8 of a plausible size.
    """
    size = _pair(entry, "input_size", SIZE_DIVISOR, LONGEST_SIDE)
    if any(side % SIZE_DIVISOR for side in size):
        raise entry.wrong("input_size", f"[height, width], multiples of {SIZE_DIVISOR}")
    return size


def settings_of(entry: JsonEntry, name: str) -> dict[str, Any]:
    """A mapping of settings by name.

    Raises:
        ValueError: the entry is missing, no mapping, or has other keys than texts.
    """
    value = entry.fields.get(name)
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise entry.wrong(name, "a mapping of settings by name")
    return dict(value)


def call(make: Callable[..., Built], settings: Mapping[str, Any], where: str) -> Built:
    """Calls a constructor, which checks its arguments, with settings from a file.

    Args:
        make: a class.
        settings: its arguments by name.
        where: file and entry, for messages.

    Raises:
        ValueError: an argument is missing, unknown or wrong.
    """
    parameters = inspect.signature(make).parameters
    for name in settings:
        if name not in parameters:
            raise ValueError(
                f"{where}: expected some of {tuple(parameters)}, got the unknown {describe(name)}"
            )
    for name, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in settings:
            raise ValueError(f"{where}.{name} must be there, got nothing (it is missing)")
    try:
        return make(**settings)
    except ValueError as error:
        text = str(error)
        names_argument = text.split(" ")[0].split(".")[0].split("[")[0] in parameters
        raise ValueError(f"{where}{'.' if names_argument else ': '}{text}") from error


def _parsed(file: str, text: str) -> object:
    where = f"{file}: {CHECKPOINT_KEY}"
    if len(text) > LONGEST_TEXT:
        raise ValueError(
            f"{where} must have at most {LONGEST_TEXT} characters of JSON, got {len(text)}"
        )
    try:
        return json.loads(text)
    except (RecursionError, ValueError) as error:
        got = "too deep nesting" if isinstance(error, RecursionError) else str(error)
        raise ValueError(f"{where} must be JSON, complete and valid, got: {got}") from error


def _pair(entry: JsonEntry, name: str, least: int, most: int) -> tuple[int, int]:
    value = entry.fields.get(name)
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise entry.wrong(name, "two integers")
    first, second = (
        JsonEntry(entry.file, entry.name, {f"{name}[{i}]": side}).integer(
            f"{name}[{i}]", least, most
        )
        for i, side in enumerate(value)
    )
    return first, second
