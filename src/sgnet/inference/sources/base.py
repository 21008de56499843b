"""What every source of frames gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class SourceError(ValueError):
    """A source that cannot be opened or read on; the message names the source and the frame."""


@dataclass(frozen=True)
class SourceFrame:
    """One frame as it is shown, upright.

    Attributes:
        index: from 0, without gaps.
        image: [H, W, 3] RGB uint8.
        time: seconds since the start, None where the source knows no time.
        name: file name or position, for messages.
    """

    index: int
    image: NDArray[np.uint8]
    time: float | None
    name: str


class FrameSource(Protocol):
    """Frames of one video in order, read once.

    Attributes:
        name: of the source, for messages and file names.
        length: number of frames where it is known beforehand, else None; it may be an estimate.
        frames_per_second: average, None where the source knows no time.
        live: frames come whether anybody takes them or not; who is late shall have the newest.
    """

    name: str
    length: int | None
    frames_per_second: float | None
    live: bool

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames; SourceError where one cannot be read, after all those before it."""
        ...


def checked_image(image: object, source: str, index: int) -> NDArray[np.uint8]:
    """The image itself if it is one.

    Raises:
        SourceError: no [H, W, 3] uint8 array, or one without pixels.
    """
    try:
        array = np.asarray(image)
    except (TypeError, ValueError) as error:  # as of (came, image), which OpenCV gives
        raise SourceError(
            f"{source}: frame {index}: expected an RGB image [H, W, 3] of uint8, got a "
            f"{type(image).__name__} that is no array"
        ) from error
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise SourceError(
            f"{source}: frame {index}: expected an RGB image [H, W, 3] of uint8, "
            f"got shape {array.shape} of {array.dtype}"
        )
    return array


def same_size(frames: Iterator[SourceFrame], source: str) -> Iterator[SourceFrame]:
    """Passes frames on as long as they have the first one's size.

    Raises:
        SourceError: a frame of another size, or no frame at all.
    """
    size = None
    for frame in frames:
        height, width = frame.image.shape[:2]
        if size is None:
            size = (height, width)
        elif (height, width) != size:
            raise SourceError(
                f"{source}: frame {frame.index} ({frame.name}): expected {size[1]} x {size[0]} "
                f"pixels as in the frames before, got {width} x {height}"
            )
        yield frame
    if size is None:
        raise SourceError(f"{source}: expected at least one frame, got none")


class CheckedSource:
    """A source of somebody else's, with the checks that ours have.

    Args:
        source: whose frames must be RGB images [H, W, 3] of uint8, all of one size.
    """

    def __init__(self, source: FrameSource) -> None:
        self.name = source.name
        self.length = source.length
        self.frames_per_second = source.frames_per_second
        self.live = source.live
        self._source = source

    def __iter__(self) -> Iterator[SourceFrame]:
        """The source's frames; SourceError at the first that is no image or has another size."""
        return same_size(self._images(), self.name)

    def _images(self) -> Iterator[SourceFrame]:
        for frame in self._source:
            checked_image(frame.image, self.name, frame.index)
            yield frame
