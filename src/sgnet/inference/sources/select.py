"""From whatever names a video to its frames."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sgnet.inference.sources.base import CheckedSource, FrameSource, SourceError
from sgnet.inference.sources.images import (
    IMAGE_SUFFIXES,
    ArrayFrames,
    ImageFiles,
    image_files,
    natural_order,
)
from sgnet.inference.sources.video import Camera, VideoFile

Source: TypeAlias = str | Path | int | Iterable[NDArray[np.uint8]] | FrameSource


def open_source(source: Source) -> FrameSource:
    """Frames of a video.

    Args:
        source: a video file; a folder of images; a pattern such as `frames/*.jpg`; an address
            (rtsp, http, ...); the number of a camera; arrays [H, W, 3] RGB uint8 in a list or any
            iterable; or a source that is open already, whose frames are then checked as others are.

    Raises:
        SourceError: nothing there, or nothing in it that can be a video.
    """
    if isinstance(source, bool):
        raise SourceError(f"source must be a path, address, camera or arrays, got {source}")
    if isinstance(source, int):
        return Camera(source)
    if isinstance(source, (str, Path)):
        return _from_text(str(source))
    if isinstance(source, (ArrayFrames, Camera, CheckedSource, ImageFiles, VideoFile)):
        return source  # they check their frames themselves
    if all(hasattr(source, name) for name in ("name", "length", "frames_per_second", "live")):
        return CheckedSource(source)  # type: ignore[arg-type]
    return ArrayFrames(source)  # type: ignore[arg-type]


def _from_text(text: str) -> FrameSource:
    if text.isdigit() and not Path(text).exists():
        return Camera(int(text))
    if "://" in text:
        return VideoFile(text)
    path = Path(text)
    if path.is_dir():
        return ImageFiles(image_files(path), text)
    if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
        return ImageFiles([path], text)
    if not path.exists() and glob.has_magic(text):
        return ImageFiles(natural_order(Path(p) for p in glob.glob(text, recursive=True)), text)
    return VideoFile(path)
