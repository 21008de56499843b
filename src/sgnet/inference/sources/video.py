"""Video files and network streams through PyAV, cameras through OpenCV."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sgnet.inference.sources.base import SourceError, SourceFrame, same_size
from sgnet.inference.sources.whole_file import Span, missing_part

STREAM_TIMEOUT = 15.0  # seconds for a network stream to answer
LIVE_PROTOCOLS = ("rtsp://", "rtsps://", "rtmp://", "rtmps://", "udp://", "rtp://", "srt://")


class VideoFile:
    """A video file or a network address, frames as they are shown.

    The rotation a phone writes beside the video is applied. Frames carry their own times, so a
    variable frame rate stays what it is. A file that ends before what it declares itself is an
    error behind its last frame. That is mp4, mov, avi, flv, mkv and webm; a missing end of others
    goes unnoticed, as transport streams (.ts) declare nothing, nor does the Matroska file of a
    recorder that was killed.

    Args:
        path: file, or http, https, rtsp, rtmp, udp address.

    Raises:
        SourceError: nothing there, or no video in it.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        self._is_file = "://" not in self.name
        self.live = self.name.startswith(LIVE_PROTOCOLS)
        self._container = self._opened()  # kept: some servers answer only once
        stream = self._container.streams.video[0]
        rate = stream.average_rate
        self.frames_per_second: float | None = float(rate) if rate else None
        self.length: int | None = stream.frames or None

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames by time of display."""
        return same_size(self._read(), self.name)

    def _opened(self) -> Any:  # noqa: ANN401 - PyAV's container, imported lazily
        import av

        if self._is_file and not Path(self.name).is_file():
            raise SourceError(f"{self.name}: source is missing; expected a video file")
        try:
            container = av.open(self.name, timeout=None if self._is_file else STREAM_TIMEOUT)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SourceError(
                f"{self.name}: cannot be opened as a video; expected a file or stream that FFmpeg "
                f"reads, got: {_reason(error)}"
            ) from error
        if not container.streams.video:
            container.close()
            raise SourceError(f"{self.name}: expected a video stream, got none")
        return container

    def _read(self) -> Iterator[SourceFrame]:
        import av

        index = 0
        start: float | None = None
        span = Span()
        first, self._container = self._container, None
        with first or self._opened() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            try:
                for frame in container.decode(stream):
                    start = frame.time if start is None else start
                    span.add(frame)
                    yield _source_frame(index, frame, start)
                    index += 1
            except (av.FFmpegError, OSError) as error:
                raise SourceError(
                    f"{self.name}: frame {index}: cannot be decoded; expected a whole video, got: "
                    f"{_reason(error)}"
                ) from error
            path = Path(self.name) if self._is_file else None
            missing = None if self.live else missing_part(path, stream, span)
            if missing is not None:
                raise SourceError(
                    f"{self.name}: frame {index}: the file is cut off; expected {missing} more, "
                    f"got {index} frames"
                )


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


def _source_frame(
    index: int,
    frame: Any,  # noqa: ANN401 - av.VideoFrame
    start: float | None,
) -> SourceFrame:
    image = frame.to_ndarray(format="rgb24")
    quarter_turns = round(frame.rotation / 90) % 4  # counter-clockwise, as np.rot90's
    upright = np.ascontiguousarray(np.rot90(image, quarter_turns))
    known = start is not None and frame.time is not None
    return SourceFrame(index, upright, frame.time - start if known else None, f"frame {index}")


def _reason(error: Exception) -> str:
    """What FFmpeg said, without the path that the message has already."""
    return getattr(error, "strerror", None) or str(error)
