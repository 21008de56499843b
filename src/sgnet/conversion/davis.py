"""DAVIS 2016 and 2017, YouTube-VOS: a PNG for each frame whose palette indices are objects."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from sgnet.conversion.frame_files import (
    check_sizes,
    checked_size,
    folders_in,
    frames_in,
    has_palette,
    images_of,
    own_folder,
    read_index_image,
)
from sgnet.conversion.index_images import masks_by_number
from sgnet.conversion.labelled import (
    LabelledObject,
    LabelledVideo,
    LabelledVideos,
    MaskCollector,
)
from sgnet.data.annotations.annotation_entries import parse_categories
from sgnet.files.checked_json import JsonEntry, describe, top_level_object
from sgnet.files.listing import listed
from sgnet.files.text_file import read_text
from sgnet.records import Category

VOID = 255
UNNAMED = "object"


def read_davis(
    source: Path,
    images: Path | None = None,
    annotations: str = "Annotations",
    resolution: str | None = None,
    videos: Path | None = None,
    categories: Path | None = None,
) -> LabelledVideos:
    """DAVIS or YouTube-VOS; annotated frames decide which frames a video has.

    Index 0 is background, 255 void and left out. Only in a video all of whose PNGs are grey with
    0 and 255 alone, as in DAVIS 2016, 255 is the object. Categories come from `categories`, else
    from YouTube-VOS's `meta.json`, whose `categories`, where we wrote them, keep their ids; without
    either, all are `object`.

    Args:
        source: folder that holds the annotations.
        images: folder with one folder a video; None takes `JPEGImages` beside the annotations.
        annotations: name of the annotations' folder in `source`.
        resolution: folder between that and the videos, such as `480p`; None takes the only one.
        videos: text file with names of videos, one a line; None takes all.
        categories: JSON file {video or video/object: category}.

    Raises:
        ValueError: files are missing, malformed, or do not fit together.
    """
    root = _below_resolution(Path(source) / annotations, resolution)
    frames = Path(images) if images is not None else Path(source) / "JPEGImages"
    if images is None and root.name != annotations:
        frames = frames / root.name
    chosen = chosen_folders(root, Path(videos) if videos is not None else None)
    names = _Categories.read(Path(source), Path(categories) if categories is not None else None)
    return LabelledVideos(frames, map(partial(_read_video, frames, names), chosen), names.declared)


def chosen_folders(root: Path, chosen: Path | None) -> list[Path]:
    """The folders of a folder, one a video; only those that a text file names where there is one.

    Raises:
        ValueError: no folder, or none of a name in the file.
    """
    folders = folders_in(root)
    if chosen is not None:
        by_name = {folder.name: folder for folder in folders}
        wanted = _names_in(chosen)
        for line, name in enumerate(wanted, start=1):
            if name not in by_name:
                raise ValueError(f"{chosen}: name {line}: expected a folder of {root}, got {name}")
        folders = [by_name[name] for name in wanted]
    if not folders:
        raise ValueError(f"{root}: expected a folder for each video, found none")
    return folders


def _names_in(path: Path) -> list[str]:
    """The lines of a text file, empty ones left out."""
    lines = read_text(path, "videos' names").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _below_resolution(root: Path, resolution: str | None) -> Path:
    folders = folders_in(root)
    if resolution is not None:
        return root / resolution
    between = [
        folder
        for folder in folders
        if not listed(folder, "*.png") and any(p.is_dir() for p in listed(folder))
    ]
    if not between:
        return root
    if len(folders) > 1:
        raise ValueError(
            f"{root}: expected videos or one folder of a resolution, got several: set resolution "
            f"to one of {[folder.name for folder in folders]}"
        )
    return between[0]


def _read_video(images: Path, categories: _Categories, folder: Path) -> LabelledVideo:
    labels = [path for path in frames_in(folder) if path.suffix.lower() == ".png"]
    if not labels:
        raise ValueError(f"{folder}: expected PNG files, found none")
    frames = images_of(labels, frames_in(own_folder(images, folder.name)))
    size, found = _read_masks(labels)
    check_sizes(frames, size, str(labels[0]))
    objects = [
        LabelledObject(categories.of(folder.name, number), masks)
        for number, masks in sorted(found.items())
    ]
    names = tuple(frame.relative_to(images).as_posix() for frame in frames)
    return LabelledVideo(folder.name, *size, names, tuple(objects))


def _read_masks(labels: list[Path]) -> tuple[tuple[int, int], MaskCollector[int]]:
    """The frame's size and the masks by palette index."""
    size: tuple[int, int] | None = None
    collector: MaskCollector[int] = MaskCollector(len(labels))
    void = VOID if any(map(has_palette, labels)) or not _is_two_level(labels) else -1
    for frame, path in enumerate(labels):
        image = read_index_image(path)
        size = checked_size(path, image, size)
        if image.max() > VOID:
            raise ValueError(f"{path}: expected indices up to {VOID}, got {image.max()}")
        for number, mask in masks_by_number(image, (0, void)):
            collector.add(1 if number == VOID else number, frame, mask)
    if size is None:
        raise ValueError("labels must be at least one file, got none")
    return size, collector


def _is_two_level(labels: list[Path]) -> bool:
    """Whether no file holds anything but 0 and 255."""
    return all(set(np.unique(read_index_image(path)).tolist()) <= {0, VOID} for path in labels)


class _Categories:
    """Names of the objects' categories; `video/object` goes before `video`."""

    def __init__(
        self,
        entry: JsonEntry | None,
        names: dict[str, str],
        declared: tuple[Category, ...] | None = None,
    ) -> None:
        self._entry = entry
        self._names = names
        self.declared = declared

    @classmethod
    def read(cls, source: Path, chosen: Path | None) -> _Categories:
        """Reads the given file, else `meta.json` where there is one."""
        if chosen is not None:
            entry = top_level_object(chosen)
            return cls(entry, {key: entry.text(key) for key in entry.fields})
        if (source / "meta.json").is_file():
            entry = top_level_object(source / "meta.json")
            declared = parse_categories(entry) if entry.has("categories") else None
            return cls(entry, dict(_meta_names(entry)), declared)
        return cls(None, {})

    def of(self, video: str, number: int) -> str:
        """The category of an object; an error where a file names others but not this one."""
        if self._entry is None:
            return UNNAMED
        name = self._names.get(f"{video}/{number}") or self._names.get(video)
        if name is None:
            raise self._entry.error(f"expected a category for object {video}/{number}, got none")
        if self.declared and name not in {category.name for category in self.declared}:
            raise self._entry.error(f"category of {video}/{number} is not declared, got {name!r}")
        return name


def _meta_names(document: JsonEntry) -> Iterator[tuple[str, str]]:
    for video, content in inner_entries(document, "videos"):
        for number, entry in inner_entries(content, "objects"):
            yield f"{video}/{number}", entry.text("category")


def inner_entries(entry: JsonEntry, name: str) -> Iterator[tuple[str, JsonEntry]]:
    """The objects {...} of a field that maps keys to objects.

    Raises:
        ValueError: the field or one of its values is no object.
    """
    value = entry.fields.get(name)
    if not isinstance(value, dict):
        raise entry.wrong(name, "an object {...}")
    for key, inner in value.items():
        place = ": ".join(part for part in (entry.name, f"{name}[{key!r}]") if part)
        if not isinstance(inner, dict):
            raise entry.error(f"{name}[{key!r}] must be an object, got {describe(inner)}")
        yield key, JsonEntry(entry.file, place, inner)
