"""Which shapes of single frames are one object over the frames."""

from __future__ import annotations

from dataclasses import dataclass

from sgnet.conversion.labelled import MaskCollector
from sgnet.files.checked_json import JsonEntry
from sgnet.records import Rle

WAYS = ("group", "label")


@dataclass(frozen=True)
class ObjectKey:
    """What holds the shapes of an object together.

    Attributes:
        label: category name.
        group: number of its group; None where the label alone says it.
        single: counts shapes that stand alone, else 0.
    """

    label: str
    group: int | None
    single: int = 0


class ShapeGrouper:
    """Joins shapes of single frames into objects by label and group.

    Args:
        length: frames of the video.
        identity: `group` needs a group for every shape, unless the video has one frame only;
            `label` takes those without group by label, at most one a frame.

    Raises:
        ValueError: another identity.
    """

    def __init__(self, length: int, identity: str) -> None:
        if identity not in WAYS:
            raise ValueError(f"identity must be one of {', '.join(WAYS)}, got {identity!r}")
        self._length = length
        self._by_label = identity == "label"
        self._collector: MaskCollector[ObjectKey] = MaskCollector(length)
        self._singles = 0

    def add(self, entry: JsonEntry, label: str, group: int | None, frame: int, mask: Rle) -> None:
        """Adds a shape; those of one frame with the same label and group are parts of one object.

        Raises:
            ValueError: the shape has no group where it needs one, or its label is there twice.
        """
        key = ObjectKey(label, group)
        if group is None and self._by_label:
            if self._collector.has(key, frame):
                raise entry.error(
                    f"label must be unique in a frame for identity=label, got {label!r} again; "
                    "give the objects group ids"
                )
        elif group is None and self._length > 1:
            raise entry.error(
                "group_id must say which object over the frames this is, got none; "
                "identity=label joins the shapes of a label, where it has one a frame"
            )
        elif group is None:
            self._singles += 1
            key = ObjectKey(label, None, self._singles)
        self._collector.add(key, frame, mask)

    def objects(self) -> list[tuple[ObjectKey, tuple[Rle | None, ...]]]:
        """The objects' masks, by group, in the order in which they came where there is none."""
        return sorted(self._collector.items(), key=_by_group)


def _by_group(item: tuple[ObjectKey, tuple[Rle | None, ...]]) -> tuple[bool, int]:
    group = item[0].group
    return (group is None, group or 0)
