"""Labelled videos as every form gives and takes them; masks are run-length encoded."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from sgnet.conversion.regions import union
from sgnet.records import Category, Rle

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class LabelledObject:
    """One object over a video.

    Attributes:
        category: name of its category.
        masks: one for each frame, None where the object is absent.
        crowd: it is a crowd.
        score: 1 for labels, that of the track for results.
    """

    category: str
    masks: tuple[Rle | None, ...]
    crowd: bool = False
    score: float = 1.0


@dataclass(frozen=True)
class LabelledVideo:
    """One video with its objects; sizes in pixels.

    Attributes:
        name: unique in the data set, part of paths.
        file_names: one for each frame, relative to the image folder.
        objects: may be none.
    """

    name: str
    height: int
    width: int
    file_names: tuple[str, ...]
    objects: tuple[LabelledObject, ...]


@dataclass(frozen=True)
class LabelledVideos:
    """A data set in whatever form.

    Attributes:
        images: folder of the images.
        videos: read once, as they are needed.
        categories: as the form declares them; None numbers the names that objects have, sorted,
            from 1.
    """

    images: Path
    videos: Iterable[LabelledVideo]
    categories: tuple[Category, ...] | None = None


class MaskCollector(Generic[Key]):
    """Gathers masks of objects frame by frame.

    Args:
        length: number of frames of the video.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._masks: dict[Key, list[Rle | None]] = {}

    def add(self, key: Key, frame: int, mask: Rle) -> None:
        """Adds a mask; several of one object in a frame are its parts."""
        masks = self._masks.setdefault(key, [None] * self._length)
        present = masks[frame]
        masks[frame] = mask if present is None else union([present, mask])

    def has(self, key: Key, frame: int) -> bool:
        """Whether the object has a mask in that frame."""
        return key in self._masks and self._masks[key][frame] is not None

    def items(self) -> list[tuple[Key, tuple[Rle | None, ...]]]:
        """Each object's masks, in the order in which the objects came."""
        return [(key, tuple(masks)) for key, masks in self._masks.items()]
