"""Times of a video's frames that go on from frame to frame, whatever its file says."""

from __future__ import annotations

import logging
from typing import Any

DISORDER = 1.0  # seconds; a longer way back is a clock that starts anew
DEFAULT_STEP = 0.04  # seconds, where neither the file nor its frames say one
DECODING_TIMES = ("avi",)  # formats that hold no times of display, so that FFmpeg invents some
log = logging.getLogger(__name__)


class RisingClock:
    """Seconds since the first frame, each later than the one before.

    Files that were joined, and recorders that start anew, set their clock back in the middle: time
    then goes on one frame after the last. That is said once.

    Args:
        name: of the source, for the message.
        frames_per_second: of the file, None where it says none.
    """

    def __init__(self, name: str, frames_per_second: float | None) -> None:
        self._name = name
        self._step = 1 / frames_per_second if frames_per_second else DEFAULT_STEP
        self._start: float | None = None
        self._last: float | None = None
        self._said = False

    def time(self, seconds: float | None, index: int) -> float | None:
        """Of the next frame.

        Args:
            seconds: what the file says; None where it says nothing.
            index: of the frame, for the message.

        Returns:
            None as long as no frame had a time.
        """
        if self._start is None or self._last is None:
            self._start = seconds
            self._last = None if seconds is None else 0.0
            return self._last
        after = self._last + self._step
        if seconds is None:
            self._last = after
            return after
        since = seconds - self._start
        if since <= self._last:
            self._say(index, self._last - since)
            if self._last - since > DISORDER:
                self._start = seconds - after
            since = after
        self._last = since
        return since

    def _say(self, index: int, back: float) -> None:
        if not self._said:
            self._said = True
            log.warning(
                "%s: frame %d: the file's clock goes back by %.2f s; times go on one frame after "
                "the last",
                self._name,
                index,
                back,
            )


def seconds_of(frame: Any, container: Any) -> float | None:  # noqa: ANN401 - PyAV's
    """When a frame is shown, as its file says it.

    Frames come in the order of display. Where a format holds times of decoding alone, those of the
    frames in that order are the times of display, a delay aside.
    """
    if container.format.name in DECODING_TIMES:
        return None if frame.dts is None else float(frame.dts * frame.time_base)
    return None if frame.time is None else float(frame.time)
