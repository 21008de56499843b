"""Image files and arrays as videos."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sgnet.files.image_limits import ImageFileError
from sgnet.files.listing import listed
from sgnet.inference.sources.base import SourceError, SourceFrame, checked_image, same_size

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


class ImageFiles:
    """Image files, one a frame.

    Args:
        paths: in order.
        name: of the whole, for messages.

    Raises:
        SourceError: no file.
    """

    frames_per_second: float | None = None
    live = False

    def __init__(self, paths: Sequence[Path], name: str) -> None:
        if not paths:
            raise SourceError(f"{name}: expected image files {IMAGE_SUFFIXES}, found none")
        self.name = name
        self.length: int | None = len(paths)
        self._paths = [path.absolute() for path in paths]  # the current folder may change

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames in the order of the files."""
        return same_size(self._read(), self.name)

    def _read(self) -> Iterator[SourceFrame]:
        from sgnet.files.image_file import decode_image

        for index, path in enumerate(self._paths):
            try:
                image = decode_image(_content(path))
            except ImageFileError as error:
                raise SourceError(f"{self.name}: frame {index}: {path} {error}") from error
            yield SourceFrame(index, image, None, path.name)


class ImagePages:
    """All images of one file: the pages of a TIFF, the pictures of an animated PNG or WebP.

    Args:
        path: of the file.

    Raises:
        SourceError: no image file.
    """

    live = False

    def __init__(self, path: Path) -> None:
        from sgnet.files.image_file import read_header

        self.name = str(path)
        self._path = path.absolute()
        try:
            header = read_header(_content(path))
        except ImageFileError as error:
            raise SourceError(f"{self.name}: {error}") from error
        self.length: int | None = len(header.pages)
        self.frames_per_second: float | None = None  # each picture has a time of its own

    def __iter__(self) -> Iterator[SourceFrame]:
        """The images in the order of the file."""
        return same_size(self._read(), self.name)

    def _read(self) -> Iterator[SourceFrame]:
        from sgnet.files.image_file import decode_pages

        index, time = 0, 0.0
        try:
            for image, seconds in decode_pages(_content(self._path)):
                known = None if seconds is None else time
                yield SourceFrame(index, image, known, f"image {index}")
                index, time = index + 1, time + (seconds or 0.0)
        except ImageFileError as error:
            raise SourceError(f"{self.name}: frame {index}: {error}") from error


def _content(path: Path) -> bytes:
    """Of a file.

    Raises:
        ImageFileError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"cannot be read ({error.strerror})" if path.is_file() else "is missing"
        raise ImageFileError(f"{problem}; expected an image file") from error


class ArrayFrames:
    """Arrays [H, W, 3] RGB uint8, from a list or any iterable.

    Args:
        images: read once, as they are needed.
        name: for messages.
    """

    frames_per_second: float | None = None
    live = False

    def __init__(self, images: Iterable[NDArray[np.uint8]], name: str = "arrays") -> None:
        self.name = name
        self.length: int | None = len(images) if isinstance(images, Sequence) else None
        self._images = images

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames in order."""
        return same_size(self._read(), self.name)

    def _read(self) -> Iterator[SourceFrame]:
        for index, image in enumerate(self._images):
            checked = checked_image(image, self.name, index)
            own = np.array(checked, order="C")  # the giver may reuse its array
            yield SourceFrame(index, own, None, f"frame {index}")


def image_source(path: Path) -> ImageFiles | ImagePages:
    """An image file as a video: all of its images.

    Raises:
        SourceError: it is no image file.
    """
    pages = ImagePages(path)
    return pages if pages.length != 1 else ImageFiles([path], str(path))


def image_files(folder: Path) -> list[Path]:
    """The images of a folder, 2 before 10."""
    return natural_order(p for p in listed(folder) if p.suffix.lower() in IMAGE_SUFFIXES)


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Paths by name, numbers in names by value."""

    def key(path: Path) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", str(path))
        return [(1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts]

    return sorted(paths, key=key)
