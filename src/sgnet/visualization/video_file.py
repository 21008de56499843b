"""Frames to an mp4 file."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sgnet.files.atomic_file import atomic_path

CLOCK = 90_000  # ticks a second, the usual of video containers


class Mp4Writer:
    """An H.264 video, written frame by frame; it takes its place when the block ends well.

    Without any frame there is no file. Where it cannot be written on, as on a full disk, it is
    given up: its temporary file is closed and removed, so that its room is free again.

    Args:
        path: the mp4 file.
        frames_per_second: of playback, for frames without a time of their own.

    Attributes:
        count: frames so far.
        given_up: there will be no file.
    """

    def __init__(self, path: str | Path, frames_per_second: float) -> None:
        self.path = Path(path)
        self.count = 0
        self.given_up = False
        self._rate = Fraction(frames_per_second).limit_denominator(1001)
        self._last = -1
        self._files = ExitStack()
        self._temporary: Path | None = None
        self._container: Any = None
        self._stream: Any = None

    def __enter__(self) -> Self:
        """Opens nothing yet: the first frame gives the size."""
        return self

    def write(self, picture: NDArray[np.uint8], time: float | None = None) -> None:
        """Adds a frame.

        Args:
            picture: [H, W, 3] RGB, all of one size; an odd last row or column is left out.
            time: seconds since the start; None places it one frame after the last.

        Raises:
            OSError: the disk is full or gone, or the video is given up.
        """
        import av

        if self.given_up:
            raise OSError(f"{self.path}: expected no more frames, the video is given up")
        height, width = (side - side % 2 for side in picture.shape[:2])
        even = np.ascontiguousarray(picture[:height, :width])
        frame = av.VideoFrame.from_ndarray(even, format="rgb24")
        step = round(CLOCK / self._rate)
        tick = self._last + step if self._last >= 0 else 0
        if time is not None:
            tick = max(self._last + 1, round(time * CLOCK))
        frame.pts, frame.time_base = tick, Fraction(1, CLOCK)
        with self._or_given_up():
            if self._container is None:
                self._open(height, width)
            self._container.mux(self._stream.encode(frame))
        self._last = tick
        self.count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the file, or removes it after an error.

        Raises:
            OSError: the disk is full or gone; the file is removed.
        """
        if error is not None:
            self.give_up()
        if self._container is None or self.given_up:
            return
        with self._or_given_up():
            self._container.mux(self._stream.encode())
            self._container.close()
            self._files.close()

    @property
    def size(self) -> int:
        """Bytes on the disk so far."""
        try:
            return 0 if self._temporary is None else self._temporary.stat().st_size
        except OSError:
            return 0  # given up

    def give_up(self) -> None:
        """Closes and removes the temporary file."""
        self.given_up = True
        if self._container is not None:
            with suppress(Exception):  # what it still wants to write has no room
                self._container.close()
        reason = OSError("given up")  # with an error the temporary file is removed
        self._files.__exit__(type(reason), reason, None)

    @contextmanager
    def _or_given_up(self) -> Iterator[None]:
        """Gives the video up after an error, which comes as an OSError that names the file."""
        import av

        try:
            yield
        except (av.FFmpegError, OSError) as error:
            self.give_up()
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        except BaseException:
            self.give_up()
            raise

    def _open(self, height: int, width: int) -> None:
        import av

        self._temporary = self._files.enter_context(atomic_path(self.path))
        address = f"file:{self._temporary}"  # a:b alone would be a protocol
        self._container = av.open(address, "w", format="mp4")
        self._stream = self._container.add_stream("libx264", rate=self._rate)
        self._stream.height, self._stream.width = height, width
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, CLOCK)
        self._stream.options = {"crf": "20", "preset": "veryfast"}


def require_mp4(folder: Path) -> None:
    """Tries whether a video can be written into a folder, and leaves nothing.

    Raises:
        OSError: it cannot.
        ValueError: this PyAV has no H.264.
    """
    path = folder / f".{uuid.uuid4().hex[:8]}.mp4"
    try:
        write_mp4([np.zeros((16, 16, 3), np.uint8)], path, 1)
    finally:
        path.unlink(missing_ok=True)


def write_mp4(
    frames: Iterable[NDArray[np.uint8]], path: str | Path, frames_per_second: float
) -> int:
    """Writes an H.264 video that is either complete or not there.

    Args:
        frames: [H, W, 3] RGB of one size.
        path: the mp4 file.
        frames_per_second: of playback.

    Returns:
        Number of frames written.
    """
    with Mp4Writer(path, frames_per_second) as writer:
        for frame in frames:
            writer.write(frame)
    return writer.count
