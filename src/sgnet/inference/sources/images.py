"""Image files and arrays as videos."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sgnet.files.jpeg_end import is_cut_jpeg
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
        self._paths = paths

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames in the order of the files."""
        return same_size(self._read(), self.name)

    def _read(self) -> Iterator[SourceFrame]:
        import cv2

        for index, path in enumerate(self._paths):
            image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
            if image is None:
                state = "cannot be decoded" if path.is_file() else "is missing"
                raise SourceError(
                    f"{self.name}: frame {index}: {path} {state}; expected an image file"
                )
            if is_cut_jpeg(path.read_bytes()):
                raise SourceError(
                    f"{self.name}: frame {index}: {path} is cut off; expected a whole JPEG image, "
                    "got one without its end"
                )
            yield SourceFrame(index, np.asarray(image, dtype=np.uint8), None, path.name)


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


def image_files(folder: Path) -> list[Path]:
    """The images of a folder, 2 before 10."""
    return natural_order(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Paths by name, numbers in names by value."""

    def key(path: Path) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", str(path))
        return [(1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts]

    return sorted(paths, key=key)
