"""YouTube-VIS annotation files (2019, 2021, 2022 and OVIS), held in a few flat arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from sgnet.data.annotations.annotation_entries import parse_categories, parse_track, parse_videos
from sgnet.data.annotations.packed_bytes import PackedBytes
from sgnet.files.checked_json import (
    JsonEntry,
    WarningCollector,
    as_entries,
    identified,
    top_level_object,
)
from sgnet.records import AnnotatedTrack, Category, Rle, Video


class FrameObject(NamedTuple):
    """One object in one frame, its mask in original pixels."""

    annotation_id: int
    category_id: int
    iscrowd: bool
    rle: Rle


@dataclass(frozen=True)
class VideoTable(Sequence[Video]):
    """The videos of a file, each made on demand.

    Attributes:
        numbers: [videos, 4] id, width, height, length.
        file_names: per video its frames' names, joined by line ends.
    """

    numbers: NDArray[np.int64]
    file_names: PackedBytes

    @classmethod
    def pack(cls, videos: Sequence[Video]) -> VideoTable:
        """Packs videos whose file names hold no line ends."""
        rows = [(video.id, video.width, video.height, video.length) for video in videos]
        names = PackedBytes.pack("\n".join(video.file_names).encode() for video in videos)
        return cls(np.array(rows, dtype=np.int64).reshape(-1, 4), names)

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Video: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Video, ...]: ...

    def __getitem__(self, index: int | slice) -> Video | tuple[Video, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        row = range(len(self))[index]
        number, width, height, length = self.numbers[row].tolist()
        names = self.file_names[row].decode()
        return Video(number, width, height, length, tuple(names.split("\n")) if names else ())


@dataclass(frozen=True)
class TrackTable:
    """The annotated tracks of a file; a track has as many rows as its video has frames.

    Attributes:
        numbers: [tracks, 4] id, video index, category id, iscrowd.
        first_rows: [tracks + 1] where each track's rows begin; the last is their number.
        counts: [rows] compressed counts, empty where the object is absent.
        boxes_xywh: [rows, 4] original pixels, NaN where absent.
        areas: [rows] pixels, NaN where the file has none.
        by_video: [tracks] track indices ordered by video.
        first_of_video: [videos + 1] where each video's tracks begin in `by_video`.
    """

    numbers: NDArray[np.int64]
    first_rows: NDArray[np.int64]
    counts: PackedBytes
    boxes_xywh: NDArray[np.float64]
    areas: NDArray[np.float64]
    by_video: NDArray[np.int64]
    first_of_video: NDArray[np.int64]

    @classmethod
    def pack(cls, tracks: Iterator[AnnotatedTrack], video_ids: Sequence[int]) -> TrackTable:
        """Packs tracks as they come, so that only one at a time is a Python object."""
        index_of = {number: index for index, number in enumerate(video_ids)}
        builder = _TrackTableBuilder()
        counts = PackedBytes.pack(builder.collect(tracks, index_of))
        numbers = np.array(builder.numbers, dtype=np.int64).reshape(-1, 4)
        per_video = np.bincount(numbers[:, 1], minlength=len(video_ids))
        return cls(
            numbers=numbers,
            first_rows=np.array(builder.first_rows, dtype=np.int64),
            counts=counts,
            boxes_xywh=np.concatenate([np.zeros((0, 4)), *builder.boxes_xywh]),
            areas=np.concatenate([np.zeros(0), *builder.areas]),
            by_video=np.argsort(numbers[:, 1], kind="stable"),
            first_of_video=np.concatenate([np.zeros(1, np.int64), per_video.cumsum()]),
        )


class _TrackTableBuilder:
    """Collects the columns of a `TrackTable`, one array a track."""

    def __init__(self) -> None:
        self.numbers: list[tuple[int, int, int, int]] = []
        self.first_rows = [0]
        self.boxes_xywh: list[NDArray[np.float64]] = []
        self.areas: list[NDArray[np.float64]] = []

    def collect(
        self, tracks: Iterator[AnnotatedTrack], index_of_video: dict[int, int]
    ) -> Iterator[bytes]:
        """Yields the counts of all rows and keeps the rest."""
        absent = (np.nan,) * 4
        for track in tracks:
            video = index_of_video[track.video_id]
            self.numbers.append((track.id, video, track.category_id, int(track.iscrowd)))
            self.first_rows.append(self.first_rows[-1] + len(track.segmentations))
            self.boxes_xywh.append(np.array([box or absent for box in track.boxes_xywh]))
            self.areas.append(np.array([np.nan if a is None else a for a in track.areas]))
            yield from (b"" if mask is None else mask.counts for mask in track.segmentations)


class YouTubeVIS:
    """The contents of an annotation file.

    Everything lives in a few arrays, so forked data workers share its memory. Tracks are counted
    from 0 in the file's order, and so are videos.

    Attributes:
        categories: in the file's order.
        videos: in the file's order, each made when asked for.
        has_annotations: False for test and valid files, which come without.
    """

    def __init__(
        self,
        categories: tuple[Category, ...],
        videos: VideoTable,
        tracks: TrackTable,
        has_annotations: bool,
    ) -> None:
        self.categories = categories
        self.videos = videos
        self.has_annotations = has_annotations
        self._tracks = tracks

    def __len__(self) -> int:
        """Number of tracks."""
        return len(self._tracks.numbers)

    def track(self, index: int) -> AnnotatedTrack:
        """One annotated track with all its masks."""
        table = self._tracks
        number, video_index, category_id, iscrowd = table.numbers[index].tolist()
        first, end = table.first_rows[index], table.first_rows[index + 1]
        video = self.videos[video_index]
        return AnnotatedTrack(
            id=number,
            video_id=video.id,
            category_id=category_id,
            iscrowd=bool(iscrowd),
            segmentations=tuple(self._mask(row, video_index) for row in range(first, end)),
            boxes_xywh=tuple(_box_or_none(box) for box in table.boxes_xywh[first:end].tolist()),
            areas=tuple(None if area != area else area for area in table.areas[first:end].tolist()),
        )

    def kind(self, index: int) -> tuple[int, bool]:
        """A track's category id, and whether it is a crowd."""
        _, _, category_id, iscrowd = self._tracks.numbers[index].tolist()
        return category_id, bool(iscrowd)

    def tracks(self) -> Iterator[AnnotatedTrack]:
        """All tracks in the file's order, one at a time."""
        return (self.track(index) for index in range(len(self)))

    def tracks_of_video(self, video_id: int) -> tuple[int, ...]:
        """The indices of a video's tracks, in the file's order.

        Raises:
            ValueError: the file has no such video.
        """
        return tuple(self._indices_of_video(self.video_index(video_id)))

    def video_index(self, video_id: int) -> int:
        """Where a video stands in `videos`.

        Raises:
            ValueError: the file has no such video.
        """
        found = np.flatnonzero(self.videos.numbers[:, 0] == video_id)
        if found.size == 0:
            raise ValueError(f"video_id must be the id of one of the videos, got {video_id}")
        return int(found[0])

    def frame_objects(self, video_index: int, frame: int) -> list[FrameObject]:
        """The objects of one frame, crowds included, without reading other frames.

        Raises:
            IndexError: the file has no such video, or the video no such frame.
        """
        length = int(self.videos.numbers[video_index, 3])
        if not 0 <= frame < length:
            raise IndexError(f"frame must be in 0..{length - 1} of this video, got {frame}")
        objects = []
        for index in self._indices_of_video(video_index):
            mask = self._mask(int(self._tracks.first_rows[index]) + frame, video_index)
            if mask is not None:
                number, _, category_id, iscrowd = self._tracks.numbers[index].tolist()
                objects.append(FrameObject(number, category_id, bool(iscrowd), mask))
        return objects

    def _indices_of_video(self, video_index: int) -> list[int]:
        first, end = self._tracks.first_of_video[video_index : video_index + 2]
        indices: list[int] = self._tracks.by_video[first:end].tolist()
        return indices

    def _mask(self, row: int, video_index: int) -> Rle | None:
        counts = self._tracks.counts[row]
        if not counts:
            return None
        _, width, height, _ = self.videos.numbers[video_index].tolist()
        return Rle(height, width, counts)


def _box_or_none(box: list[float]) -> tuple[float, float, float, float] | None:
    x, y, width, height = box
    return None if x != x else (x, y, width, height)


def load_annotations(path: str | Path, check_lengths: bool = True) -> YouTubeVIS:
    """Reads and checks an annotation file; uncompressed run lengths are compressed.

    `check_lengths=False` takes tracks that are shorter or longer than their video, as the official
    code does; use it for scoring only.

    Odd but acceptable entries (no iscrowd, id 0, an undeclared category, a box without a mask)
    give one Python warning of each kind.

    Raises:
        ValueError: the file or an entry is malformed; the message names file, entry and field.
    """
    return annotations_of(top_level_object(path), check_lengths)


def annotations_of(document: JsonEntry, check_lengths: bool = True) -> YouTubeVIS:
    """The annotations of a parsed file; see `load_annotations`."""
    categories = parse_categories(document)
    videos = parse_videos(document)
    has_annotations = document.has("annotations")
    entries = document.items("annotations") if has_annotations else []
    odd = WarningCollector()
    tracks = _parse_tracks(
        as_entries(document.file, "annotations", entries), videos, categories, odd, check_lengths
    )
    table = TrackTable.pack(tracks, [video.id for video in videos])
    odd.issue()
    return YouTubeVIS(categories, VideoTable.pack(videos), table, has_annotations)


def _parse_tracks(
    entries: list[JsonEntry],
    videos: list[Video],
    categories: tuple[Category, ...],
    odd: WarningCollector,
    check_lengths: bool,
) -> Iterator[AnnotatedTrack]:
    """Yields the tracks of declared categories."""
    videos_by_id = {video.id: video for video in videos}
    category_ids = {category.id for category in categories}
    seen: set[int] = set()
    for entry in entries:
        track = parse_track(identified(entry, seen), videos_by_id, category_ids, odd, check_lengths)
        if track is not None:
            yield track


# annotation file and image folder, below the data set's folder
LAYOUTS = (
    ("{split}.json", "{split}/JPEGImages"),  # YouTube-VIS 2019
    ("{split}/instances.json", "{split}/JPEGImages"),  # 2021, 2022
    ("annotations_{split}.json", "{split}"),  # OVIS
    ("VideoDenseSet/UVO_video_{split}_dense_with_label.json", "uvo_videos_dense_frames"),  # UVO
    ("VideoDenseSet/UVO_video_{split}_dense.json", "uvo_videos_dense_frames"),
    ("annotations/instances_{split}.json", "{split}"),  # COCO
)


def find_split(root: str | Path, split: str) -> tuple[Path, Path]:
    """Finds a split's annotation file and image folder; the first of `LAYOUTS` that is there.

    Raises:
        FileNotFoundError: one of them is missing; the message says what was looked for.
    """
    places = [
        tuple(Path(root) / pattern.format(split=split) for pattern in layout) for layout in LAYOUTS
    ]
    found = [place for place in places if place[0].is_file()]
    if not found:
        looked_for = " or ".join(str(annotations) for annotations, _ in places)
        raise FileNotFoundError(
            f"split {split!r}: expected the annotation file {looked_for}, found none"
        )
    annotations, images = found[0]
    if not images.is_dir():
        raise FileNotFoundError(f"split {split!r}: expected the image folder {images}, found none")
    return annotations, images
