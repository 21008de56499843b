"""Large results files: measured while they are read, in the memory of a few tracks.

Importing it needs numba and msgspec (`pip install sgnet[fast]`).
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.matching import (
    CategoryOverlaps,
    Overlaps,
    category_overlaps,
    mean_area,
    ranked_overlaps,
)
from sgnet.evaluation.results import parse_result
from sgnet.evaluation.track_groups import indices_by_video
from sgnet.evaluation.video_iou import mask_areas, track_ious
from sgnet.files.checked_json import JsonEntry, WarningCollector, as_entry
from sgnet.files.json_list import ListEntry, ListError, list_entries
from sgnet.ops.rle_kernels import MaskRuns, read_masks, shared_pixels
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Video

FloatArray = NDArray[np.float64]

MOST_WAITING = 1 << 18  # bytes of entries that are measured together
KEPT_TRUTHS = 16  # videos whose annotated runs stay read
KEPT_TRACKS = 256  # that were asked for last


class _Mask(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    size: tuple[int, int]
    counts: str


class _Entry(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The usual form of an entry; any other is read as JSON of other people."""

    video_id: int
    category_id: int
    score: float
    segmentations: list[_Mask | None]


_decode = msgspec.json.Decoder(_Entry).decode


class _Truth(NamedTuple):
    """The N annotated tracks of a video.

    Attributes:
        classes: [N] category id.
        runs: of all masks, track by track, frame by frame.
        areas: [N] pixels of all frames together.
        frames: of each; None where they differ, as official files may have it.
    """

    classes: NDArray[np.int64]
    runs: MaskRuns
    areas: NDArray[np.int64]
    frames: int | None


@dataclass(frozen=True)
class _Reader:
    """How the entries of a file are read."""

    file: str
    videos: dict[int, Video]
    category_ids: set[int]
    check_lengths: bool

    def parse(self, number: int, text: bytes, odd: WarningCollector) -> ResultTrack | None:
        """Reads an entry of any form; None where its category is not declared.

        Raises:
            ListError: it is no JSON.
        ValueError: it is malformed.
        """
        entry = self._as_entry(number, text)
        return parse_result(entry, self.videos, self.category_ids, odd, self.check_lengths)

    def _as_entry(self, number: int, text: bytes) -> JsonEntry:
        try:
            value = json.loads(text.decode("utf-8"))
        except (RecursionError, ValueError) as error:
            raise ListError(
                f"{self.file}: results[{number}]: expected JSON, complete and valid, got: {error}"
            ) from error
        return as_entry(self.file, "results", number, value)


class ResultsFile(Sequence[ResultTrack]):
    """The tracks of a results file, read anew where they are asked for.

    The file must stay as it is; an entry that became malformed is refused.
    """

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._numbers = array("q")  # of the entries that count
        self._starts, self._stops = array("q"), array("q")  # bytes in the file
        self._video_ids, self._category_ids = array("q"), array("q")
        self._track = lru_cache(KEPT_TRACKS)(self._read)

    def note(self, number: int, entry: ListEntry, key: tuple[int, int]) -> None:
        """Takes an entry that was read, of that video and category."""
        self._numbers.append(number)
        self._starts.append(entry.start)
        self._stops.append(entry.start + len(entry.text))
        self._video_ids.append(key[0])
        self._category_ids.append(key[1])

    def keys(self) -> Iterable[tuple[int, int]]:
        """Video and category id of each."""
        return zip(self._video_ids, self._category_ids, strict=True)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> ResultTrack: ...

    @overload
    def __getitem__(self, index: slice) -> list[ResultTrack]: ...

    def __getitem__(self, index: int | slice) -> ResultTrack | list[ResultTrack]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._track(range(len(self))[index])

    def _read(self, index: int) -> ResultTrack:
        number, start = self._numbers[index], self._starts[index]
        with Path(self._reader.file).open("rb") as file:
            file.seek(start)
            text = file.read(self._stops[index] - start)
        track = self._reader.parse(number, text, WarningCollector())
        key = (self._video_ids[index], self._category_ids[index])
        if track is None or (track.video_id, track.category_id) != key:
            raise ValueError(
                f"{self._reader.file}: results[{number}]: must stay as it was, got another track"
            )
        return track


def measure_results_file(
    path: str | Path,
    videos: Sequence[Video],
    categories: Sequence[Category],
    ground_truth: Sequence[AnnotatedTrack],
    check_lengths: bool = True,
) -> tuple[ResultsFile, list[CategoryOverlaps]]:
    """What `load_results` and `measure_categories` give, to the last digit.

    Raises:
        ListError: the file cannot be read entry by entry; `load_results` takes it, or says why not.
        ValueError: an entry is malformed, or a true track's video is unknown.
        OSError: the file cannot be read.
    """
    reader = _Reader(
        str(path),
        {video.id: video for video in videos},
        {category.id for category in categories},
        check_lengths,
    )
    measuring = _Measuring(reader, ground_truth)
    for number, entry in enumerate(list_entries(path)):
        measuring.add(number, entry)
    measuring.measure_waiting()
    measuring.odd.issue()
    measure = partial(_overlaps, measuring, ground_truth)
    results = measuring.results
    return results, category_overlaps(videos, categories, ground_truth, results, measure)


def _overlaps(
    measured: _Measuring,
    ground_truth: Sequence[AnnotatedTrack],
    rows: Sequence[int],
    columns: Sequence[int],
) -> Overlaps:
    """The overlaps of found tracks with the annotated ones of their video and category."""

    def of_best(ranking: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Areas and IoUs of the best."""
        best = [rows[place] for place in ranking.tolist()]
        ious = np.array([measured.ious[row] for row in best]).reshape(len(best), len(columns))
        return np.array([measured.areas[row] for row in best]), ious

    true = [ground_truth[column] for column in columns]
    return ranked_overlaps([measured.scores[row] for row in rows], true, of_best)


class _Measuring:
    """Measures entries against the annotated tracks, several of a video at a time.

    Attributes:
        odd: what is to be warned of.
        results: the tracks that were measured.
        scores: of each.
        areas: mean pixels of each.
        ious: of each with the annotated tracks of its video and category, [N].
    """

    def __init__(self, reader: _Reader, ground_truth: Sequence[AnnotatedTrack]) -> None:
        self.odd = WarningCollector()
        self.results = ResultsFile(reader)
        self.scores, self.areas = array("d"), array("d")
        self.ious: list[FloatArray] = []
        self._reader = reader
        self._ground_truth = ground_truth
        self._indices = indices_by_video(ground_truth, list(reader.videos), "ground_truth")
        self._truth = lru_cache(KEPT_TRUTHS)(self._read_truth)
        self._waiting: list[tuple[int, ListEntry, _Entry]] = []  # of one video
        self._waiting_bytes = 0

    def add(self, number: int, entry: ListEntry) -> None:
        """Takes an entry, which may wait for others.

        Raises:
            ValueError: it, or one that waited, is malformed.
        """
        usual = self._usual(entry.text)
        if self._waiting and (
            usual is None
            or usual.video_id != self._waiting[0][2].video_id
            or self._waiting_bytes > MOST_WAITING
        ):
            self.measure_waiting()
        if usual is None:
            self._measure_alone(number, entry)
        else:
            self._waiting.append((number, entry, usual))
            self._waiting_bytes += len(entry.text)

    def _usual(self, text: bytes) -> _Entry | None:
        """An entry in the usual form, its counts not yet read; None where it is another."""
        try:
            entry = _decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        video = self._reader.videos.get(entry.video_id)
        if video is None or entry.category_id not in self._reader.category_ids:
            return None
        if len(entry.segmentations) != self._truth(entry.video_id).frames:
            return None
        size = (video.height, video.width)
        for mask in entry.segmentations:
            if mask is not None and (mask.size != size or not mask.counts.isascii()):
                return None
        return entry

    def measure_waiting(self) -> None:
        """Measures what waits.

        Raises:
            ValueError: an entry is malformed.
        """
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if not waiting:
            return
        video = self._reader.videos[waiting[0][2].video_id]
        truth = self._truth(video.id)
        masks = [mask for *_, entry in waiting for mask in entry.segmentations]
        counts = ["" if mask is None else mask.counts for mask in masks]
        runs = _runs("".join(counts).encode(), counts, video)
        runs.plain[[mask is None for mask in masks]] = True
        fine = [bool(masks_of_one.all()) for masks_of_one in runs.plain.reshape(len(waiting), -1)]
        classes = np.array([entry.category_id for *_, entry in waiting], dtype=np.int64)
        shared = shared_pixels(runs, classes, truth.runs, truth.classes, video.length)
        areas = runs.areas.reshape(len(waiting), -1)
        unions = areas.sum(axis=1)[:, None] + truth.areas - shared  # [D, N]
        ious = np.divide(shared, unions, out=np.zeros(unions.shape), where=unions > 0)
        shown = np.maximum(1, np.count_nonzero(areas, axis=1))
        means = (areas.sum(axis=1) / shown).tolist()
        for row, (number, entry, usual) in enumerate(waiting):
            if fine[row]:
                key = (usual.video_id, usual.category_id)
                same = truth.classes == usual.category_id
                self._note(number, entry, key, usual.score, means[row], ious[row, same])
            else:
                self._measure_alone(number, entry)

    def _measure_alone(self, number: int, entry: ListEntry) -> None:
        """Measures an entry of any form; leaves it out where its category is not declared.

        Raises:
            ValueError: it is malformed.
        """
        track = self._reader.parse(number, entry.text, self.odd)
        if track is None:
            return
        true = self._true_tracks(track.video_id)
        masks = [one.segmentations for one in true if one.category_id == track.category_id]
        area = mean_area(mask_areas(track.segmentations))
        ious = track_ious([track.segmentations], masks)[0]
        key = (track.video_id, track.category_id)
        self._note(number, entry, key, track.score, area, ious)

    def _note(
        self,
        number: int,
        entry: ListEntry,
        key: tuple[int, int],
        score: float,
        area: float,
        ious: FloatArray,
    ) -> None:
        self.results.note(number, entry, key)
        self.scores.append(score)
        self.areas.append(area)
        self.ious.append(ious)

    def _read_truth(self, video_id: int) -> _Truth:
        video = self._reader.videos[video_id]
        tracks = self._true_tracks(video_id)
        masks = [mask for track in tracks for mask in track.segmentations]
        counts = [b"" if mask is None else mask.counts for mask in masks]
        runs = _runs(b"".join(counts), counts, video)
        classes = np.array([track.category_id for track in tracks], dtype=np.int64)
        if any(len(track.segmentations) != video.length for track in tracks):
            return _Truth(classes, runs, np.zeros(len(tracks), dtype=np.int64), None)
        areas = runs.areas.reshape(len(tracks), video.length).sum(axis=1)
        return _Truth(classes, runs, areas, video.length)

    def _true_tracks(self, video_id: int) -> list[AnnotatedTrack]:
        return [self._ground_truth[index] for index in self._indices.get(video_id, ())]


def _runs(text: bytes, counts: Sequence[str] | Sequence[bytes], video: Video) -> MaskRuns:
    sizes = np.fromiter(map(len, counts), np.int64, len(counts))
    return read_masks(np.frombuffer(text, np.uint8), sizes, video.width * video.height)
