"""From whatever names a video to its frames."""

from __future__ import annotations

import glob
import io
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sgnet.files.listing import SYSTEM_NAMES
from sgnet.inference.sources.base import CheckedSource, FrameSource, SourceError
from sgnet.inference.sources.images import (
    IMAGE_SUFFIXES,
    ArrayFrames,
    ImageFiles,
    ImagePages,
    image_files,
    image_source,
    natural_order,
)
from sgnet.inference.sources.video import Camera, VideoFile, local_path

CAMERA = "camera:"  # before a number, where a file or folder has the number for a name
EXPECTED = "source must be a path, address, camera or arrays"
log = logging.getLogger(__name__)

Source: TypeAlias = str | os.PathLike[str] | int | Iterable[NDArray[np.uint8]] | FrameSource


def open_source(
    source: Source, stream: int | None = None, square_pixels: bool = True
) -> FrameSource:
    """Frames of a video.

    A text is the file or folder that it names where that is there, whatever it looks like.

    Args:
        source: a video file, or one of several images such as a TIFF with pages; a folder of
            images; a pattern such as `frames/*.jpg`; an address (rtsp, http, ...); the number of a
            camera, as text also `camera:0`; arrays [H, W, 3] RGB uint8 in a list or any iterable;
            or a source that is open already, whose frames are then checked as others are.
        stream: see `VideoFile`; for video files and addresses.
        square_pixels: see `VideoFile`.

    Raises:
        SourceError: nothing there, or nothing in it that can be a video.
    """
    opened = _opened(source, stream, square_pixels)
    if stream is not None and not isinstance(opened, VideoFile):
        raise SourceError(
            f"{opened.name}: stream must be left out for a source that is no video file or "
            f"address, got {stream!r}"
        )
    return opened


def _opened(source: Source, stream: int | None, square_pixels: bool) -> FrameSource:
    if isinstance(source, bool):
        raise SourceError(f"{EXPECTED}, got {source}")
    if isinstance(source, int | np.integer):
        return Camera(int(source))
    if isinstance(source, os.PathLike):
        return _from_path(Path(source), stream, square_pixels)
    if isinstance(source, str):
        return _from_text(source, stream, square_pixels)
    if isinstance(source, (ArrayFrames, Camera, CheckedSource, ImageFiles, ImagePages)):
        return source  # they check their frames themselves
    if isinstance(source, VideoFile):
        return source if stream is None else VideoFile(source.name, stream, square_pixels)
    if all(hasattr(source, name) for name in ("name", "length", "frames_per_second", "live")):
        return CheckedSource(source)  # type: ignore[arg-type]
    _refuse_others(source)
    return ArrayFrames(source)  # type: ignore[arg-type]


def _refuse_others(source: object) -> None:
    """Refuses what nobody can mean by a video.

    Raises:
        SourceError: neither a source nor an iterable that may hold arrays.
    """
    kind = "None" if source is None else f"a {type(source).__name__}"
    if isinstance(source, bytes | bytearray | io.IOBase):
        raise SourceError(f"{EXPECTED}, got {kind}; write it to a file, and give its name")
    try:
        iter(source)  # type: ignore[call-overload]
    except TypeError as error:
        raise SourceError(f"{EXPECTED}, got {kind}") from error
    if isinstance(source, Mapping):
        raise SourceError(f"{EXPECTED}, got {kind}")


def _from_text(text: str, stream: int | None, square_pixels: bool) -> FrameSource:
    if not text.strip():
        raise SourceError(f"{EXPECTED}, got an empty text; the source is missing")
    number = text.removeprefix(CAMERA)
    is_number = number.isascii() and number.isdigit()
    path = local_path(text)
    if path is None:
        return VideoFile(text, stream, square_pixels)
    if os.path.exists(path):
        if is_number:
            log.warning(
                "source %s: the file or folder of this name is read; the camera is %s%s",
                text,
                CAMERA,
                number,
            )
    elif is_number:
        return Camera(int(number))
    elif glob.has_magic(text):
        return ImageFiles(_matching(text), text)
    return _from_path(path, stream, square_pixels)


def _from_path(path: Path, stream: int | None, square_pixels: bool) -> FrameSource:
    if os.path.isdir(path):  # False for names that no file can have
        return ImageFiles(image_files(path), str(path))
    if path.suffix.lower() in IMAGE_SUFFIXES and os.path.isfile(path):
        return image_source(path)
    return VideoFile(path, stream, square_pixels)


def _matching(pattern: str) -> list[Path]:
    """The files of a pattern; `*` stands for no name with a dot in front, nor for a system's."""
    found = [Path(path) for path in glob.glob(pattern, recursive=True)]
    unnamed = set(SYSTEM_NAMES) - set(Path(pattern).parts)
    return natural_order(path for path in found if not unnamed.intersection(path.parts))
