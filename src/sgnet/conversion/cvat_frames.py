"""Frames of a video as CVAT's XML counts them, and their images."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from xml.etree.ElementTree import Element

from sgnet.conversion.frame_files import frames_in, image_size, video_folder, written_frame
from sgnet.data.annotations.annotation_entries import MAX_FRAMES, is_inside, with_slashes
from sgnet.files.checked_json import JsonEntry
from sgnet.files.xml_file import as_entry, with_numbers
from sgnet.inference.sources.images import image_files
from sgnet.ops.rle import MAX_SIDE


@dataclass(frozen=True)
class FrameTable:
    """The frames of a video.

    Attributes:
        size: (height, width).
        numbers: CVAT's frame numbers, rising.
        file_names: one for each, relative to the image folder.
    """

    size: tuple[int, int]
    numbers: tuple[int, ...]
    file_names: tuple[str, ...]

    @cached_property
    def places(self) -> dict[int, int]:
        """Place in the video by frame number."""
        return {number: place for place, number in enumerate(self.numbers)}

    def described(self) -> str:
        """The numbers in short, for messages."""
        return f"the frames {self.numbers[0]} to {self.numbers[-1]} ({len(self.numbers)} of them)"


def image_frames(path: Path, root: Element, images: Path) -> FrameTable:
    """The frames of `for images`: every `<image>`, ordered by id.

    Raises:
        ValueError: an id is there twice, sizes differ, a name leads out of the image folder, or has
            no image there.
    """
    entries: dict[int, JsonEntry] = {}
    for index, element in enumerate(root.iterfind("image")):
        text = as_entry(str(path), f"image[{index}]", element)
        entry = with_numbers(text)
        number = entry.integer("id", maximum=MAX_FRAMES)
        if number in entries:
            raise entry.error(f"id must be unique, got the duplicate {number}")
        if not is_inside(text.text("name")):
            raise text.wrong("name", "a relative path inside the image folder")
        entry.fields["name"] = with_slashes(text.text("name"))
        entries[number] = entry
    ordered = [entries[number] for number in sorted(entries)]
    sizes = [(_side(entry, "height"), _side(entry, "width")) for entry in ordered]
    for entry, size in zip(ordered, sizes, strict=True):
        if size != sizes[0]:
            raise entry.error(f"height and width must be {sizes[0]} as before, got {size}")
    finder = _ImageFinder(images, path.stem)
    names = tuple(finder.path(entry) for entry in ordered)
    return FrameTable(sizes[0], tuple(sorted(entries)), names)


def _side(entry: JsonEntry, name: str) -> int:
    return entry.integer(name, 1, MAX_SIDE)


class _ImageFinder:
    """Images by the names that CVAT gives them, each folder listed once."""

    def __init__(self, images: Path, video: str) -> None:
        self._images = images
        self._folders = (images, images / video)
        self._listed: dict[Path, dict[str, list[Path]]] = {}

    def path(self, entry: JsonEntry) -> str:
        """As named, or in the video's folder; with any suffix where the name has none."""
        name = entry.text("name")
        for candidate in (folder / name for folder in self._folders):
            found = [candidate] if candidate.is_file() else self._same_stem(candidate)
            written = written_frame(candidate.parent, name)
            found = found or ([] if written is None else [written])
            if len(found) > 1:
                raise entry.wrong("name", f"one image, not each of {[p.name for p in found]}")
            if found:
                return found[0].relative_to(self._images).as_posix()
        raise entry.wrong("name", f"an image in {self._images}")

    def _same_stem(self, candidate: Path) -> list[Path]:
        folder = candidate.parent
        if folder not in self._listed:
            stems: dict[str, list[Path]] = {}
            for path in image_files(folder) if folder.is_dir() else ():
                stems.setdefault(path.stem, []).append(path)
            self._listed[folder] = stems
        return self._listed[folder].get(candidate.name, [])


def track_frames(path: Path, root: Element, images: Path) -> FrameTable:
    """The frames of `for video`, from the task's first, last and step to the images in order.

    Without these the images decide.

    Raises:
        ValueError: sizes or numbers of frames do not fit.
    """
    folder = video_folder(images, path.stem)
    files = frames_in(folder)
    numbers = _declared_numbers(path, root)
    if numbers is None:
        numbers = range(len(files))
    if len(files) != len(numbers):
        if numbers[-1] >= len(files):
            raise ValueError(
                f"{path}: expected {len(numbers)} images for the frames {numbers[0]} to "
                f"{numbers[-1]}, or all of the video, got {len(files)} in {folder}"
            )
        files = [files[number] for number in numbers]
    names = tuple(file.relative_to(images).as_posix() for file in files)
    original = root.find("meta//original_size")
    if original is None:
        size = image_size(files[0])
    else:
        fields: dict[str, object] = {part.tag: part.text or "" for part in original}
        entry = with_numbers(JsonEntry(str(path), "original_size", fields))
        size = (_side(entry, "height"), _side(entry, "width"))
    return FrameTable(size, tuple(numbers), names)


def _declared_numbers(path: Path, root: Element) -> range | None:
    """Frame numbers by the meta data of the task or job; None where it says nothing."""
    if root.find("meta/project") is not None:
        raise ValueError(f"{path}: expected the export of one task, got that of a project")
    about = root.find("meta/job")
    about = root.find("meta/task") if about is None else about
    if about is None or about.find("stop_frame") is None:
        return None
    fields: dict[str, object] = {part.tag: part.text or "" for part in about if len(part) == 0}
    entry = with_numbers(JsonEntry(str(path), f"meta: {about.tag}", fields))
    first = (
        entry.integer("start_frame", maximum=MAX_FRAMES * 100) if entry.has("start_frame") else 0
    )
    last = entry.integer("stop_frame", first, first + MAX_FRAMES * 100)
    text = str(entry.fields.get("frame_filter") or "step=1")
    step = re.fullmatch(r"step=([1-9]\d{0,5})", text)
    if step is None:
        raise entry.wrong("frame_filter", "empty or step=N")
    numbers = range(first, last + 1, int(step[1]))
    if len(numbers) > MAX_FRAMES:
        raise entry.error(f"expected at most {MAX_FRAMES} frames, got {len(numbers)}")
    return numbers
