"""Detections of a whole split, kept so that trackers can be tried in seconds."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from rich.progress import track as track_progress

from sgnet.evaluation.track_results import TrackCollector
from sgnet.files.atomic_file import atomic_path
from sgnet.inference.sources.images import ImageFiles
from sgnet.inference.streaming import InstanceStreamer
from sgnet.ops.rle import MAX_SIDE, rle_from_counts
from sgnet.records import ResultTrack, TrackedInstance, Video
from sgnet.tracking import MovementTracker
from sgnet.tracking.tracker import UNTRACKED, Trackable, Tracker

log = logging.getLogger(__name__)
MOST_UNPACKED = (32, 2**24)  # bytes: times the file, and beside that
PLACES = ("boxes_xyxy", "locations", "movements")  # [N, 4], [N, 2], [N, 2], input pixels

# kind and columns of what a file holds, a row a detection; in_frame has a row a frame, and the
# bytes of all masks lie end to end
ARRAYS: dict[str, tuple[Any, ...]] = {
    "boxes_xyxy": ("f", 4),
    "locations": ("f", 2),
    "movements": ("f", 2),
    "labels": ("i",),
    "in_frame": ("i",),
    "scores": ("f",),
    "original_boxes": ("f", 4),
    "is_empty": ("b",),
    "mask_sizes": ("i", 2),
    "mask_ends": ("i",),
    "mask_counts": ("u",),
}


@dataclass(frozen=True)
class CachedFrame:
    """The N detections of a frame by falling score, as trackers see them and as results hold them.

    Attributes:
        boxes_xyxy: [N, 4] input pixels.
        locations: [N, 2] input pixels.
        movements: [N, 2] input pixels.
        labels: [N] class index.
        instances: the same in original pixels, without identities.
    """

    boxes_xyxy: NDArray[np.float32]
    locations: NDArray[np.float32]
    movements: NDArray[np.float32]
    labels: NDArray[np.int64]
    instances: tuple[TrackedInstance, ...]

    @property
    def scores(self) -> NDArray[np.float64]:
        """[N] falling."""
        return np.array([instance.score for instance in self.instances], dtype=np.float64)

    def above(self, score: float) -> Self:
        """Those with a higher score.

        A decoder with this threshold finds the same, as a weaker box suppresses none.
        """
        count = sum(instance.score > score for instance in self.instances)
        arrays = {name: getattr(self, name)[:count] for name in (*PLACES, "labels")}
        return replace(self, **arrays, instances=self.instances[:count])


CachedVideo = tuple[Video, tuple[CachedFrame, ...]]


class _Recorder(MovementTracker):
    """Takes down what a tracker would see, and gives nobody an identity."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, Any]] = []

    def update(self, detections: Trackable) -> list[int]:
        """Identity 0 for all."""
        names = (*PLACES, "labels")
        self.seen.append({name: np.asarray(getattr(detections, name)) for name in names})
        return [0] * len(detections.labels)


def detect_videos(
    predictor: InstanceStreamer, videos: Sequence[Video], images: Path
) -> list[CachedVideo]:
    """Runs a network over videos once.

    Args:
        predictor: its decoder's score threshold is the lowest that can be tried; its tracker is
            taken away.
        videos: with file names.
        images: folder of their frames.
    """
    found: list[CachedVideo] = []
    for video in track_progress(videos, description="detecting", transient=True):
        recorder = _Recorder()
        predictor.tracker = recorder
        frames = ImageFiles([images / name for name in video.file_names], f"video {video.id}")
        results = list(predictor.stream(frames))
        cached = (
            CachedFrame(**seen, instances=tuple(result.instances))
            for seen, result in zip(recorder.seen, results, strict=True)
        )
        found.append((video, tuple(cached)))
    return found


def track_cached(
    videos: Sequence[CachedVideo],
    tracker: Tracker,
    category_ids: Sequence[int],
    score_threshold: float,
) -> list[ResultTrack]:
    """Tracks of all videos; those of evaluating the checkpoint with these settings.

    Args:
        videos: detected with a threshold that is at most this one.
        tracker: starts anew with each video.
        category_ids: category id of each class index.
        score_threshold: weaker detections are left out.
    """
    tracks: list[ResultTrack] = []
    for video, frames in videos:
        collector = TrackCollector(video.id, video.length, category_ids)
        for index, instances in enumerate(tracked_frames(frames, tracker, score_threshold)):
            collector.add(index, instances)
        tracks += collector.results()
    return tracks


def tracked_frames(
    frames: Sequence[CachedFrame], tracker: Tracker, score_threshold: float
) -> Iterator[list[TrackedInstance]]:
    """The instances of a video's frames with identities, those that belong to no track left out.

    Args:
        frames: of the video.
        tracker: starts anew.
        score_threshold: weaker detections are left out.
    """
    tracker.reset()
    for frame in frames:
        kept = frame.above(score_threshold)
        numbers = tracker.update(kept)
        pairs = zip(kept.instances, numbers, strict=True)
        yield [replace(one, track_id=number) for one, number in pairs if number != UNTRACKED]


def save_cache(videos: Sequence[CachedVideo], made_of: Mapping[str, Any], path: Path) -> None:
    """Writes detections as plain arrays.

    Args:
        videos: see `detect_videos`.
        made_of: plain values that tell which detections these are.
        path: .npz file.
    """
    frames = [frame for _, cached in videos for frame in cached]
    instances = [instance for frame in frames for instance in frame.instances]
    counts = [instance.mask.counts for instance in instances]
    arrays: dict[str, NDArray[Any]] = {
        name: np.concatenate([getattr(frame, name) for frame in frames])
        for name in (*PLACES, "labels")
    }
    arrays |= {
        "in_frame": np.array([len(frame.instances) for frame in frames], dtype=np.int64),
        "scores": np.array([instance.score for instance in instances], dtype=np.float64),
        "original_boxes": np.array([i.box_xyxy for i in instances], dtype=np.float64).reshape(
            -1, 4
        ),
        "is_empty": np.array([instance.is_empty for instance in instances], dtype=bool),
        "mask_sizes": np.array(
            [(i.mask.height, i.mask.width) for i in instances], dtype=np.int64
        ).reshape(-1, 2),
        "mask_ends": np.cumsum([len(c) for c in counts], dtype=np.int64),
        "mask_counts": np.frombuffer(b"".join(counts), dtype=np.uint8),
        "videos": np.array([video.id for video, _ in videos]),
        "made_of": np.array(_plain(made_of)),
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def load_cache(
    path: Path,
    made_of: Mapping[str, Any],
    videos: Sequence[Video],
    num_classes: int | None = None,
) -> list[CachedVideo] | None:
    """Detections from a file; None where there is none, or one of other detections.

    A file that cannot be read is none either; a warning says so.

    Args:
        path: .npz file of `save_cache`.
        made_of: as they were stored with.
        videos: the detected ones.
        num_classes: of the network, where labels are to be compared with them.
    """
    if not path.is_file():
        return None
    try:
        _require_small(path)
        with np.load(path, allow_pickle=False) as file:
            if str(file["made_of"]) != _plain(made_of):
                return None
            arrays = {name: file[name] for name in ARRAYS}
        _require_consistent(arrays, sum(video.length for video in videos))
        labels = arrays["labels"]
        if num_classes is not None and labels.max(initial=0) >= num_classes:
            raise ValueError(f"labels must be below {num_classes}, got {labels.max()}")
        frames = _frames(arrays)
        return [(video, tuple(next(frames) for _ in range(video.length))) for video in videos]
    except Exception as error:  # zip, zlib and numpy have a dozen of their own
        log.warning("%s: cached detections cannot be read (%s); they are made again", path, error)
        return None


def _require_small(path: Path) -> None:
    """Refuses a file that would unpack to more than detections do."""
    times, beside = MOST_UNPACKED
    most = times * path.stat().st_size + beside
    with zipfile.ZipFile(path) as archive:
        total = sum(record.file_size for record in archive.infolist())
    if total > most:
        raise ValueError(f"expected at most {most} bytes unpacked, got {total}")


def _require_consistent(arrays: Mapping[str, NDArray[Any]], frames: int) -> None:
    """Refuses arrays that are not those of one list of detections.

    Args:
        arrays: by name, of N detections.
        frames: of all videos.
    """
    in_frame, ends = arrays["in_frame"], arrays["mask_ends"]
    _require_form("in_frame", in_frame, (frames,), "i")
    if (in_frame < 0).any():
        raise ValueError(f"in_frame must not be negative, got {in_frame.min()}")
    for name, (kind, *columns) in ARRAYS.items():
        if name not in ("in_frame", "mask_counts"):
            _require_form(name, arrays[name], (int(in_frame.sum()), *columns), kind)
    count = len(arrays["mask_counts"])
    _require_form("mask_counts", arrays["mask_counts"], (count,), "u")
    steps = np.diff(ends, prepend=0)
    if (steps < 0).any() or (ends[-1] if len(ends) else 0) != count:
        raise ValueError(f"mask_ends must rise to the {count} bytes of mask_counts")
    sizes = arrays["mask_sizes"]
    if (sizes < 1).any() or (sizes > MAX_SIDE).any():
        raise ValueError(f"mask_sizes must be from 1 to {MAX_SIDE}, got others")
    for name in (*PLACES, "scores", "original_boxes"):
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} must be finite numbers, got others")
    if (arrays["labels"] < 0).any():
        raise ValueError(f"labels must not be negative, got {arrays['labels'].min()}")


def _require_form(name: str, array: NDArray[Any], shape: tuple[int, ...], kind: str) -> None:
    if array.shape != shape or array.dtype.kind != kind:
        raise ValueError(f"{name} must be {shape} of {kind!r}, got {array.shape} {array.dtype}")


def _frames(arrays: Mapping[str, NDArray[Any]]) -> Iterator[CachedFrame]:
    blob = arrays["mask_counts"].tobytes()
    starts = [0, *arrays["mask_ends"].tolist()]
    rows = zip(
        arrays["labels"].tolist(),
        arrays["scores"].tolist(),
        arrays["original_boxes"].tolist(),
        arrays["mask_sizes"].tolist(),
        arrays["is_empty"].tolist(),
        strict=True,
    )
    instances = [
        TrackedInstance(
            0,
            label,
            score,
            tuple(box),
            rle_from_counts(blob[starts[i] : starts[i + 1]], int(size[0]), int(size[1])),
            empty,
        )
        for i, (label, score, box, size, empty) in enumerate(rows)
    ]
    start = 0
    for count in arrays["in_frame"].tolist():
        part = slice(start, start + count)
        own = {name: arrays[name][part] for name in (*PLACES, "labels")}
        yield CachedFrame(**own, instances=tuple(instances[part]))
        start += count


def _plain(made_of: Mapping[str, Any]) -> str:
    return json.dumps(made_of, sort_keys=True)
