"""Live sources for those who are slower than the camera."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sgnet.inference.sources.base import SourceFrame


def newest_frames(frames: Iterable[SourceFrame]) -> Iterator[SourceFrame]:
    """The newest frame whenever one is taken; those that came meanwhile are dropped.

    An error of the source comes behind the last frame. Indices count the frames that are given, so
    they have no gaps; times are the source's. Prepare frames as they are taken, without
    `prefetched` behind: a frame that is held ready gets old.

    Args:
        frames: of a live source, read in a thread of its own as they come.
    """
    slot = _Slot()
    threading.Thread(target=_read, args=(frames, slot), daemon=True).start()
    index = 0
    try:
        while (frame := slot.take()) is not None:
            yield replace(frame, index=index)
            index += 1
    finally:
        slot.close()


class _Slot:
    """Room for one frame; a newer one replaces it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: SourceFrame | None = None
        self._error: BaseException | None = None
        self._ended = False

    def put(self, frame: SourceFrame) -> bool:
        """Leaves a frame; False where nobody will take it."""
        with self._changed:
            self._frame = frame
            self._changed.notify()
            return not self._ended

    def close(self, error: BaseException | None = None) -> None:
        """Nothing comes any more, or nobody takes it."""
        with self._changed:
            self._error, self._ended = error, True
            self._changed.notify()

    def take(self) -> SourceFrame | None:
        """Waits for a frame; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._ended)
            frame, self._frame = self._frame, None
            if frame is None and self._error is not None:
                raise self._error
            return frame


def _read(frames: Iterable[SourceFrame], slot: _Slot) -> None:
    error: BaseException | None = None
    try:
        for frame in frames:
            if not slot.put(frame):
                break
    except BaseException as raised:  # noqa: BLE001 - raised again where the frames are taken
        error = raised
    slot.close(error)
