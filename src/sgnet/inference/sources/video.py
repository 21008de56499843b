"""Video files and network streams through PyAV, cameras through OpenCV."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np

from sgnet.inference.sources.base import SourceError, SourceFrame, same_size
from sgnet.inference.sources.clock import RisingClock, seconds_of
from sgnet.inference.sources.containers import open_container, reason_of
from sgnet.inference.sources.damage import Damage
from sgnet.inference.sources.film import film_of, pixel_width, square_width
from sgnet.inference.sources.whole_file import Span, missing_part, missing_seconds
from sgnet.ops.orientation import UPRIGHT, Orientation, nearest_orientation, oriented

LIVE_PROTOCOLS = ("rtsp://", "rtsps://", "rtmp://", "rtmps://", "udp://", "rtp://", "srt://")
FILE_ADDRESS = "file://"
MOST_CAMERAS = 9999  # OpenCV takes larger numbers for a driver and one of its cameras
log = logging.getLogger(__name__)


class VideoFile:
    """A video file or a network address, frames as players show them.

    Of several video streams the film is taken, never a cover. What the container says of turning
    and mirroring is done, and pixels that are not square are made so. Frames carry their own times,
    so a variable frame rate stays what it is; a clock that is set back goes on. Frames that are
    damaged, or missing among the others, are said behind the last one. A file that ends before what
    it declares itself is an error behind its last frame. That is mp4, mov, avi, flv, mkv and webm;
    a missing end of others goes unnoticed, as transport streams (.ts) declare nothing, nor does the
    Matroska file of a recorder that was killed. Files that name other files, as playlists do, are
    not followed.

    Args:
        path: file, or http, https, rtsp, rtmp, udp address.
        stream: number of the video stream as ffprobe counts them; None takes the film.
        square_pixels: False leaves the pixels as they are stored, where labels count them so.

    Raises:
        SourceError: nothing there, or no video in it.
    """

    def __init__(
        self, path: str | Path, stream: int | None = None, square_pixels: bool = True
    ) -> None:
        self.name = str(path)
        local = local_path(path)
        self._path = None if local is None else local.absolute()  # the current folder may change
        self._wanted = stream
        self._square = square_pixels
        self.live = self._path is None and self.name.lower().startswith(LIVE_PROTOCOLS)
        self._container = open_container(self.name, self._path)  # kept: some answer only once
        try:
            film = film_of(self._container, self.name, stream)
        except SourceError:
            self._container.close()
            raise
        self._number: int = film.index
        self._pixel_width = pixel_width(film, self.name)
        if self._pixel_width != 1 and not square_pixels:
            log.warning(
                "%s: frames keep their pixels of %s to 1, as labels count them; prediction makes "
                "pixels square",
                self.name,
                self._pixel_width,
            )
        rate = film.average_rate
        self.frames_per_second: float | None = float(rate) if rate else None
        self.length: int | None = film.frames or None

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames by time of display."""
        return same_size(self._read(), self.name)

    def _read(self) -> Iterator[SourceFrame]:
        import av

        first, self._container = self._container, None
        with first or open_container(self.name, self._path) as container:
            stream = container.streams[self._number]
            stream.thread_type = "AUTO"
            span, damage = Span(), Damage()
            clock = RisingClock(self.name, self.frames_per_second)
            index = 0
            try:
                for frame in _decoded(container, stream, damage):
                    span.add(frame)
                    seconds = seconds_of(frame, container)
                    damage.add(seconds, frame.is_corrupt)
                    yield self._frame(index, frame, clock.time(seconds, index))
                    index += 1
            except (av.FFmpegError, OSError) as error:
                raise SourceError(
                    f"{self.name}: frame {index}: cannot be decoded; expected a whole video, got: "
                    f"{reason_of(error)}"
                ) from error
            if self.live:
                return
            missing = missing_part(self._path, stream, span)
            if missing is not None:
                raise SourceError(
                    f"{self.name}: frame {index}: the file is cut off; expected {missing} more, "
                    f"got {index} frames"
                )
            damage.say(self.name, stream.frames or None, missing_seconds(stream, span))

    def _frame(
        self,
        index: int,
        frame: Any,  # noqa: ANN401 - av.VideoFrame
        time: float | None,
    ) -> SourceFrame:
        ratio = self._pixel_width if self._square else Fraction(1)
        if ratio != 1:
            frame = frame.reformat(width=square_width(frame.width, ratio), format="rgb24")
        upright = oriented(frame.to_ndarray(format="rgb24"), _orientation(frame))
        return SourceFrame(index, upright, time, f"frame {index}")


def _decoded(
    container: Any,  # noqa: ANN401 - PyAV's
    stream: Any,  # noqa: ANN401 - PyAV's
    damage: Damage,
) -> Iterator[Any]:
    """Frames of a stream; its damaged packets are counted."""
    for packet in container.demux(stream):
        damage.packets += packet.is_corrupt
        damage.hidden += packet.is_discard
        yield from packet.decode()


def local_path(path: str | Path) -> Path | None:
    """The file that is meant; None for an address. What is there is a file, whatever its name."""
    text = str(path)
    if isinstance(path, Path) or "://" not in text or os.path.exists(text):
        return Path(text)
    if text.lower().startswith(FILE_ADDRESS):
        return Path(url2pathname(urlsplit(text).path))
    return None


class Camera:
    """A camera of this machine. The time of a frame is when it came, from the first one on.

    Args:
        number: as OpenCV counts them, from 0.

    Raises:
        SourceError: no such camera.
    """

    length: int | None = None
    live = True

    def __init__(self, number: int) -> None:
        import cv2

        self.name = f"camera {number}"
        if not 0 <= number <= MOST_CAMERAS:
            raise SourceError(
                f"{self.name}: cannot be opened; expected a number from 0 to {MOST_CAMERAS}"
            )
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise SourceError(f"{self.name}: cannot be opened; expected a connected camera")
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.frames_per_second: float | None = rate if rate > 0 else None

    def __iter__(self) -> Iterator[SourceFrame]:
        """Frames until the camera is gone, which is an error."""
        return same_size(self._read(), self.name)

    def _read(self) -> Iterator[SourceFrame]:
        index = 0
        start: float | None = None
        try:
            while True:
                came, image = self._capture.read()
                now = time.monotonic()
                start = now if start is None else start
                if not came:
                    raise SourceError(
                        f"{self.name}: frame {index}: expected another frame, got none; "
                        "is the camera still connected?"
                    )
                rgb = np.ascontiguousarray(image[:, :, ::-1], dtype=np.uint8)
                yield SourceFrame(index, rgb, now - start, f"frame {index}")
                index += 1
        finally:
            self._capture.release()


def _orientation(frame: Any) -> Orientation:  # noqa: ANN401 - av.VideoFrame
    """How the frame is shown, by the matrix that its container or codec gives."""
    data = frame.side_data.get("DISPLAYMATRIX")
    matrix = np.frombuffer(data, dtype=np.int32).tolist() if data is not None else ()
    return nearest_orientation(matrix) if len(matrix) == 9 else UPRIGHT
