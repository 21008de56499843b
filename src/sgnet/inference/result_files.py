"""Results of a video to files: overlay video, results file, table of tracks."""

from __future__ import annotations

import errno
import shutil
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sgnet.evaluation.results import save_results
from sgnet.evaluation.track_results import TrackCollector
from sgnet.files.atomic_file import require_writable, require_writable_file
from sgnet.files.earlier_files import EarlierFiles
from sgnet.files.reserved_room import ReservedRoom
from sgnet.inference.streaming import FrameResult
from sgnet.inference.track_table import TrackTable
from sgnet.records import Category
from sgnet.visualization.overlay import DrawnMask, draw_masks
from sgnet.visualization.video_file import DEFAULT_RATE, Mp4Writer, require_mp4

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
FILES = ("results.json", "overlay.mp4", "tracks.csv")  # every run has the first
LEAST_ROOM = 2**20  # bytes; with less a run is not going to get far
LOOKS = (25, 100, 1000, 10_000)  # frames after which the rest is estimated
LARGE_RESULTS = 100_000_000  # bytes of a results file that are told beforehand


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
        self._table = TrackTable(self.folder / "tracks.csv")
        self._failed = self._said = False
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
        except OSError as error:
            self._failed = True
            given_up = self._video is not None and self._video.given_up
            kept = "overlay.mp4 is given up, the other files" if given_up else "the files"
            raise OSError(
                f"{self.folder}: frame {index} cannot be written: {error.strerror or error}; "
                f"{kept} end before it"
            ) from error
        self._look_ahead()

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
        with self._table.with_frame(result):
            self._room.keep(self._collector.results_bytes(result.instances))
            if self._video is not None:
                self._video.write(self._picture(result), result.frame.time)
        self._collector.add(result.frame.index, result.instances)
        self.frames = result.frame.index + 1

    def _look_ahead(self) -> None:
        """Says where the files are going to be large, or not to find room."""
        if self._length is None or self.frames not in LOOKS:
            return
        results = self._collector.expected_results_bytes(self._length)
        others = self._table.size + (self._video.size if self._video else 0)
        more = others * (self._length - self.frames) // self.frames
        needed = more + results - self._room.size
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            self._say_once(
                f"{self._length - self.frames} more frames need about {megabytes(needed)}, "
                f"{megabytes(free)} are free; a full disk ends the run, with the results so far"
            )
        elif results > LARGE_RESULTS:
            self._say_once(
                f"results.json is going to have about {megabytes(results)}: the form demands an "
                "entry of every frame in every track"
            )

    def _say_once(self, text: str) -> None:
        if not self._said:
            warnings.warn(f"{self.folder}: {text}", stacklevel=4)
        self._said = True

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
