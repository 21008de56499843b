"""Further data sets to train on together with a first one, their categories matched by name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from sgnet.data.annotations.category_names import matching_categories
from sgnet.data.annotations.coco_stills import load_videos_or_stills
from sgnet.data.annotations.named_split import video_name
from sgnet.data.annotations.youtube_vis import YouTubeVIS, find_split
from sgnet.records import Category, Video


@dataclass(frozen=True)
class TrainingSource:
    """A split of another data set.

    Args:
        root: its folder, see `find_split`.
        split: of it.
        weight: how often it is drawn from, in proportion to the first data set's `weight`.
    """

    root: str | Path
    split: str = "train"
    weight: float = 1.0


@dataclass(frozen=True)
class LoadedSource:
    """A further data set, read.

    Attributes:
        annotations: its objects.
        path: of its annotation file.
        images: folder of its frames.
        weight: how often it is drawn from.
        labels: class index of each of its category ids that has a counterpart.
        taken: for each of the first data set's categories its name here, None without one.
        left_out: its categories without a counterpart; their objects are not trained on.
    """

    annotations: YouTubeVIS
    path: Path
    images: Path
    weight: float
    labels: dict[int, int]
    taken: dict[str, str | None]
    left_out: tuple[str, ...]

    def summary(self) -> str:
        """What is taken and what is not, for logs."""
        named = [
            own if own == theirs else f"{own} from {theirs}"
            for own, theirs in self.taken.items()
            if theirs is not None
        ]
        none = [own for own, theirs in self.taken.items() if theirs is None]
        return (
            f"{self.path}: categories taken: {', '.join(named)}; without a counterpart there: "
            f"{', '.join(none) or 'none'}; left out of it: {', '.join(self.left_out) or 'none'}"
        )


def load_source(source: TrainingSource, categories: Sequence[Category]) -> LoadedSource:
    """Reads a further data set.

    Args:
        source: where it is.
        categories: of the first data set, by class index.

    Raises:
        FileNotFoundError: it has no such split.
        ValueError: its annotations are malformed or missing, or none of its categories match.
    """
    path, images = find_split(source.root, source.split)
    annotations = load_videos_or_stills(path)
    if not annotations.has_annotations:
        raise ValueError(f"{path}: annotations must be there to train on, got none")
    theirs = annotations.categories
    found = matching_categories([c.name for c in categories], [c.name for c in theirs])
    labels: dict[int, int] = {}
    for label, index in enumerate(found):
        if index is not None:
            labels.setdefault(theirs[index].id, label)
    if not labels:
        raise ValueError(
            f"{path}: categories must have some in common with {[c.name for c in categories]}, got "
            f"{[c.name for c in theirs]}"
        )
    return LoadedSource(
        annotations,
        path,
        images,
        source.weight,
        labels,
        {
            c.name: None if i is None else theirs[i].name
            for c, i in zip(categories, found, strict=True)
        },
        tuple(category.name for category in theirs if category.id not in labels),
    )


def without_names(videos: Sequence[Video], scored: Collection[str]) -> list[int]:
    """Indices of the videos that are not validated on under the same name.

    Public sets share videos: those of YouTube-VIS 2019 are in 2021 as well.
    """
    return [index for index, video in enumerate(videos) if video_name(video) not in scored]
