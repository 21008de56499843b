"""Results of a video to files: overlay video, results file, table of tracks."""

from __future__ import annotations

import csv
import errno
import io
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sgnet.evaluation.results import save_results
from sgnet.evaluation.track_results import TrackCollector
from sgnet.files.atomic_file import atomic_path, require_writable, require_writable_file
from sgnet.files.earlier_files import EarlierFiles
from sgnet.files.reserved_room import ReservedRoom
from sgnet.inference.streaming import FrameResult
from sgnet.ops.rle import area
from sgnet.records import Category
from sgnet.visualization.overlay import DrawnMask, draw_masks
from sgnet.visualization.video_file import Mp4Writer, require_mp4

TABLE_HEADER = ("frame", "id", "category", "score", "x1", "y1", "x2", "y2", "area")
DEFAULT_RATE = 25.0  # frames a second of an overlay whose source knows no time
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
FILES = ("results.json", "overlay.mp4", "tracks.csv")  # every run has the first
LEAST_ROOM = 2**20  # bytes; with less a run is not going to get far
LOOKS = (1, 10, 100, 1000, 10_000)  # frames after which the rest is estimated


class PredictionFiles:
    """Writes `overlay.mp4`, `results.json` and `tracks.csv` of one video into a folder.

    Each file takes its place when the block ends, also when it ends with an error or with Ctrl-C:
    they then hold the frames so far. A frame that cannot be written is in none of them, and none is
    taken after it. Room for the results file is kept from the first frame on, so that a disk that
    runs full ends the frames and loses no results; the overlay is given up first. What an earlier
    run left there is removed; without any frame nothing is written and nothing removed. The results
    file needs every frame's run lengths, some hundred bytes an instance, in memory until the end.

    Args:
        folder: made where it is missing.
        classes: category of each class index.
        video_id: in the results file.
        frames_per_second: of the overlay, where frames have no times.
        min_score: instances drawn; the other files hold all.
        overlay: write the video.
        length: frames to come, where that is known: too little room for them is a warning.

    Attributes:
        frames: written so far.
        results_bytes: of the results file, once it is written.

    Raises:
        OSError: the files cannot be written.
    """

    def __init__(
        self,
        folder: str | Path,
        classes: tuple[Category, ...],
        video_id: int = 1,
        frames_per_second: float | None = None,
        min_score: float = 0.4,
        overlay: bool = True,
        length: int | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.frames = 0
        self.results_bytes = 0
        _require_outputs(self.folder, overlay)
        self._earlier = EarlierFiles([self.folder / name for name in FILES])
        self._length = length
        self._room = ReservedRoom(self.folder / "results.json")
        self._min_score = min_score
        self._collector = TrackCollector(video_id, None, [category.id for category in classes])
        rate = frames_per_second or DEFAULT_RATE
        self._video = Mp4Writer(self.folder / "overlay.mp4", rate) if overlay else None
        self._table = _Table(self.folder / "tracks.csv")
        self._failed = False
        self._lost: list[str] = []

    def __enter__(self) -> Self:
        """Opens nothing yet."""
        return self

    def add(self, result: FrameResult) -> None:
        """Takes the next frame.

        Raises:
            OSError: the disk is full or gone; the message names the folder and the frame.
        """
        index = result.frame.index
        if self._failed:
            raise OSError(
                f"{self.folder}: frame {index} cannot be written: frame {self.frames} could not; "
                "expected no frame after it"
            )
        try:
            self._write(result)
            self._look_ahead()
        except OSError as error:
            self._failed = True
            given_up = self._video is not None and self._video.given_up
            kept = "overlay.mp4 is given up, the other files" if given_up else "the files"
            raise OSError(
                f"{self.folder}: frame {index} cannot be written: {error.strerror or error}; "
                f"{kept} end before it"
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends each file, whatever becomes of the others.

        Raises:
            OSError: there is no room for some of them; the message names them, and says what the
                block's own error said.
        """
        self._room.release()
        with ExitStack() as ending:  # runs from the last to the first
            older = "a file of an earlier run"
            ending.callback(self._ended, older, self._earlier.remove_unreplaced, "removed")
            if self._video is not None:  # also kept after errors
                ending.callback(self._ended, "overlay.mp4", self._end_video)
            if self.frames:
                ending.callback(self._ended, "results.json", self._save_results)
                ending.callback(self._ended, "tracks.csv", self._table.close)
            else:
                ending.callback(self._table.discard)
        if self._lost:
            lost = f"{self.folder}: at the end, with {self.frames} frames: {', '.join(self._lost)}"
            raise OSError(f"{error}; {lost}" if error is not None else lost) from error

    def _write(self, result: FrameResult) -> None:
        with self._table.with_rows(_rows(result)):
            self._room.keep(self._collector.results_bytes(result.instances))
            if self._video is not None:
                self._video.write(self._picture(result), result.frame.time)
        self._collector.add(result.frame.index, result.instances)
        self.frames = result.frame.index + 1

    def _look_ahead(self) -> None:
        """Warns where the frames to come are not going to find room."""
        if self._length is None or self.frames not in LOOKS:
            return
        written = self._room.size + self._table.size + (self._video.size if self._video else 0)
        needed = written * (self._length - self.frames) // self.frames
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            warnings.warn(
                f"{self.folder}: {self._length - self.frames} more frames need about "
                f"{megabytes(needed)}, {megabytes(free)} are free; a full disk ends the run, with "
                "the results so far",
                stacklevel=2,
            )

    def _ended(self, name: str, end: Callable[[], None], what: str = "written") -> None:
        """Ends a file, or notes why it is lost."""
        try:
            end()
        except OSError as error:
            self._lost.append(f"{name} cannot be {what}: {error.strerror or error}")

    def _end_video(self) -> None:
        if self._video is not None:
            self._video.__exit__(None, None, None)

    def _save_results(self) -> None:
        """Writes the results file, in the room of the overlay where there is no other."""
        path = self.folder / "results.json"
        try:
            save_results(self._collector.iterate(), path)
        except OSError as error:
            if error.errno not in NO_ROOM or self._video is None or self._video.given_up:
                raise
            self._video.give_up()
            self._lost.append("overlay.mp4 is given up to make room for results.json")
            save_results(self._collector.iterate(), path)
        self.results_bytes = path.stat().st_size

    def _picture(self, result: FrameResult) -> Any:  # noqa: ANN401 - an array [H, W, 3]
        drawn = [
            DrawnMask(i.track_id, f"{i.track_id} {result.classes[i.label].name}", i.mask)
            for i in result.instances
            if i.score >= self._min_score and not i.is_empty
        ]
        return draw_masks(result.frame.image, drawn)


def megabytes(size: int) -> str:
    """A number of bytes to read."""
    return f"{size / 1e6:.1f} MB"


def _require_outputs(folder: Path, overlay: bool) -> None:
    """Tries the files, so that results computed for hours have a place to go."""
    require_writable(folder)
    for name in FILES:
        require_writable_file(folder / name)
    if overlay:
        require_mp4(folder)
    free = shutil.disk_usage(folder).free
    if free < LEAST_ROOM:
        warnings.warn(f"{folder}: only {megabytes(free)} are free", stacklevel=3)


class _Table:
    """A csv file to which the rows of a frame are added as a whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = ExitStack()
        self._file: io.FileIO | None = None  # without a buffer, so that it can be cut back

    @contextmanager
    def with_rows(self, rows: Sequence[Sequence[object]]) -> Iterator[None]:
        """Adds rows that stay where the block ends well."""
        if self._file is None:
            self._file = self._open()
        whole = self._file.tell()
        try:
            _append(self._file, rows)
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
        )
        for instance in result.instances
    ]
