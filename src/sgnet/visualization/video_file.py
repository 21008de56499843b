"""Frames to an mp4 file."""

from __future__ import annotations

import logging
import math
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
SLOWEST, FASTEST = 0.1, 1000.0  # frames a second
LONGEST = 10 * CLOCK  # ticks that a frame is shown for: mp4 holds no gap of 7 hours
DEFAULT_RATE = 25.0  # frames a second where nobody knows
log = logging.getLogger(__name__)


class Mp4Writer:
    """An H.264 video, written frame by frame; it takes its place when the block ends well.

    Without any frame there is no file. Where it cannot be written on, as on a full disk, it is
    given up: its temporary file is closed and removed, so that its room is free again.

    Args:
        path: the mp4 file.
        frames_per_second: of playback, for frames without a time of their own; from 0.1 to 1000,
            what is beyond counts as the nearest of these, and what is no rate as 25.

    Attributes:
        count: frames so far.
        given_up: there will be no file.
    """

    def __init__(self, path: str | Path, frames_per_second: float) -> None:
        self.path = Path(path)
        self.count = 0
        self.given_up = False
        self._rate = playable_rate(frames_per_second)
        self._last = -1
        self._left_out = 0  # ticks of gaps that were too long
        self._gap_said = False
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
            picture: [H, W, 3] RGB, all of one size; an odd last row or column is left out,
                an only one is shown twice.
            time: seconds since the start; None places it one frame after the last. A frame is
                shown for 10 seconds at most, a longer gap is shortened; where time does not go
                on, it is one frame after the last too.

        Raises:
            OSError: the disk is full or gone, or the video is given up.
        """
        import av

        if self.given_up:
            raise OSError(f"{self.path}: expected no more frames, the video is given up")
        even = _even(picture)
        height, width = even.shape[:2]
        frame = av.VideoFrame.from_ndarray(even, format="rgb24")
        tick = self._tick(time)
        frame.pts, frame.time_base = tick, Fraction(1, CLOCK)
        with self._or_given_up():
            if self._container is None:
                self._open(height, width)
            self._container.mux(self._stream.encode(frame))
        self._last = tick
        self.count += 1

    def _tick(self, time: float | None) -> int:
        """When the next frame is shown: after the last, and not too long after."""
        after = self._last + round(CLOCK / self._rate) if self._last >= 0 else 0
        if time is None or not math.isfinite(time):
            return after
        tick = round(time * CLOCK) - self._left_out
        if self._last < 0 and not 0 <= tick <= LONGEST:
            self._left_out = tick  # a clock that did not begin with the video
            return 0
        too_long = tick - max(0, self._last) - LONGEST
        if too_long > 0:
            self._say_gap(too_long + LONGEST)
            self._left_out += too_long
            tick -= too_long
        return tick if tick > self._last else after

    def _say_gap(self, ticks: int) -> None:
        """Says once that a gap is shortened."""
        if not self._gap_said:
            self._gap_said = True
            log.warning(
                "%s: frame %d: %.1f s without a frame, of which the video shows %d; the same for "
                "each longer gap",
                self.path,
                self.count,
                ticks / CLOCK,
                LONGEST // CLOCK,
            )

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


def _even(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture [H, W, 3] with even sides, as colours of H.264 need them."""
    height, width = (max(2, side - side % 2) for side in picture.shape[:2])
    doubled = np.resize(picture, (2, *picture.shape[1:])) if len(picture) == 1 else picture
    if doubled.shape[1] == 1:
        doubled = doubled.repeat(2, axis=1)
    return np.ascontiguousarray(doubled[:height, :width])


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


def playable_rate(frames_per_second: float) -> Fraction:
    """A rate that a video can have, the nearest where the given one is too slow or too fast."""
    if not math.isfinite(frames_per_second) or frames_per_second <= 0:
        frames_per_second = DEFAULT_RATE
    return Fraction(min(max(frames_per_second, SLOWEST), FASTEST)).limit_denominator(1001)


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
