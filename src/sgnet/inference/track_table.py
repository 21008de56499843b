"""Tracked instances of a video to a table, frame by frame."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sgnet.files.atomic_file import atomic_path
from sgnet.inference.streaming import FrameResult
from sgnet.ops.rle import area

TABLE_HEADER = ("frame", "id", "category", "score", "x1", "y1", "x2", "y2", "area", "time")


class TrackTable:
    """A csv file to which the rows of a frame are added as a whole or not at all.

    Args:
        path: of the file, which takes its place when it is closed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = ExitStack()
        self._file: io.FileIO | None = None  # without a buffer, so that it can be cut back

    @contextmanager
    def with_frame(self, result: FrameResult) -> Iterator[None]:
        """Adds a row for each of N instances; they stay where the block ends well."""
        if self._file is None:
            self._file = self._open()
        whole = self._file.tell()
        try:
            _append(self._file, _rows(result))
            yield
        except BaseException:
            self._file.truncate(whole)
            self._file.seek(whole)
            raise

    @property
    def size(self) -> int:
        """Bytes so far."""
        return 0 if self._file is None else self._file.tell()

    def close(self) -> None:
        """Ends the file, which takes its place."""
        self._files.close()

    def discard(self) -> None:
        """Removes the file."""
        reason = OSError("discarded")  # with an error the temporary file is removed
        self._files.__exit__(type(reason), reason, None)

    def _open(self) -> io.FileIO:
        temporary = self._files.enter_context(atomic_path(self._path))
        file = self._files.enter_context(temporary.open("wb", buffering=0))
        _append(file, [TABLE_HEADER])
        return file


def _append(file: io.FileIO, rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    data = memoryview(text.getvalue().encode())
    while data:  # the last bytes before a disk is full come without an error
        data = data[file.write(data) :]


def _rows(result: FrameResult) -> list[tuple[object, ...]]:
    """Rows of the table, one an instance."""
    return [
        (
            result.frame.index,
            instance.track_id,
            result.classes[instance.label].name,
            f"{instance.score:.4f}",
            *(f"{side:.1f}" for side in instance.box_xyxy),
            area(instance.mask),
            "" if result.frame.time is None else f"{result.frame.time:.3f}",
        )
        for instance in result.instances
    ]
