"""Results of a video to files: overlay video, results file, table of tracks."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sgnet.evaluation.results import save_results
from sgnet.evaluation.track_results import TrackCollector
from sgnet.ops.atomic_file import atomic_path, require_writable
from sgnet.ops.rle import area
from sgnet.records import Category
from sgnet.streaming import FrameResult
from sgnet.visualization.overlay import DrawnMask, draw_masks
from sgnet.visualization.video_file import Mp4Writer

TABLE_HEADER = ("frame", "id", "category", "score", "x1", "y1", "x2", "y2", "area")
DEFAULT_RATE = 25.0  # frames a second of an overlay whose source knows no time


class PredictionFiles:
    """Writes `overlay.mp4`, `results.json` and `tracks.csv` of one video into a folder.

    Each file takes its place when the block ends, also when it ends with an error or with Ctrl-C:
    they then hold the frames so far. Without any frame nothing is written. The results file needs
    every frame's run lengths, some hundred bytes an instance, in memory until the end.

    Args:
        folder: made where it is missing.
        classes: category of each class index.
        video_id: in the results file.
        frames_per_second: of the overlay, where frames have no times.
        min_score: instances drawn; the other files hold all.
        overlay: write the video.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(
        self,
        folder: str | Path,
        classes: tuple[Category, ...],
        video_id: int = 1,
        frames_per_second: float | None = None,
        min_score: float = 0.4,
        overlay: bool = True,
    ) -> None:
        self.folder = Path(folder)
        self.frames = 0
        require_writable(self.folder)
        self._min_score = min_score
        self._collector = TrackCollector(video_id, None, [category.id for category in classes])
        self._files = ExitStack()
        rate = frames_per_second or DEFAULT_RATE
        self._video = Mp4Writer(self.folder / "overlay.mp4", rate) if overlay else None
        self._table: Any = None

    def __enter__(self) -> Self:
        """Opens nothing yet."""
        return self

    def add(self, result: FrameResult) -> None:
        """Takes the next frame.

        Raises:
            OSError: the disk is full or gone; the message names the folder and the frame.
        """
        try:
            self._write(result)
        except OSError as error:
            raise OSError(
                f"{self.folder}: frame {result.frame.index} cannot be written: "
                f"{error.strerror or error}"
            ) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends each file, whatever becomes of the others."""
        with ExitStack() as ending:  # runs from the last to the first
            if self.frames:
                path = self.folder / "results.json"
                ending.callback(save_results, self._collector.iterate(), path)
            ending.callback(self._files.close)
            if self._video is not None:  # first: on a full disk its failure makes room
                ending.callback(self._video.__exit__, None, None, None)  # kept also after errors

    def _write(self, result: FrameResult) -> None:
        if self._table is None:
            self._table = self._open_table()
        index = result.frame.index
        self._collector.add(index, result.instances)
        self._table.writerows(_rows(result))
        self.frames = index + 1
        if self._video is not None:
            self._video.write(self._picture(result), result.frame.time)

    def _open_table(self) -> Any:  # noqa: ANN401 - csv's writer has no public type
        temporary = self._files.enter_context(atomic_path(self.folder / "tracks.csv"))
        file = self._files.enter_context(temporary.open("w", newline="", encoding="utf-8"))
        table = csv.writer(file)
        table.writerow(TABLE_HEADER)
        return table

    def _picture(self, result: FrameResult) -> Any:  # noqa: ANN401 - an array [H, W, 3]
        drawn = [
            DrawnMask(i.track_id, f"{i.track_id} {result.classes[i.label].name}", i.mask)
            for i in result.instances
            if i.score >= self._min_score and not i.is_empty
        ]
        return draw_masks(result.frame.image, drawn)


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
