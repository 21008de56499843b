"""A network's tracks of whole videos, chunk by chunk, and their score."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sgnet.data.loading.datamodule import YouTubeVISDataModule
from sgnet.evaluation.average_precision import VideoMetrics, evaluate
from sgnet.inference.chunk_predictor import ChunkPredictor, ChunkTracker
from sgnet.records import ResultTrack, Video
from sgnet.structures import VideoChunk
from sgnet.training.distributed import gathered, merged_tracks

LOGGED_STATS = ("AP", "AP50", "AP75", "AR1", "AR10")


@dataclass(frozen=True)
class Validated:
    """A validation's outcome, over the videos of all processes.

    Attributes:
        metrics: of those videos.
        videos: that ran to their end.
        tracks: found in them.
        ms_per_frame: of this process, from a chunk on the device to run lengths.
    """

    metrics: VideoMetrics
    videos: list[Video]
    tracks: list[ResultTrack]
    ms_per_frame: float


class VideoValidation:
    """One validation of one network.

    Args:
        predictor: runs the frames.
        data: whose validation videos come.
    """

    def __init__(self, predictor: ChunkPredictor, data: YouTubeVISDataModule) -> None:
        self._data = data
        self._chunks = ChunkTracker(predictor, data.category_ids)
        self._results: list[ResultTrack] = []
        self._seconds, self._frames = 0.0, 0

    def add(self, chunk: VideoChunk) -> None:
        """Tracks the next frames of the current video."""
        started = time.perf_counter()
        self._results += self._chunks.add(chunk)  # run lengths: behind all work of the device
        self._seconds += time.perf_counter() - started
        self._frames += len(chunk.images)

    def scored(self) -> Validated:
        """Scores the videos that ran to their end, of all processes, with the official metric.

        Raises:
            ValueError: none did.
        """
        truth = self._data.val_annotations
        parts = gathered((frozenset(self._chunks.finished), self._results))
        finished, results = merged_tracks(parts)
        videos = [v for v in self._data.val_videos if v.id in finished]
        if not videos:
            raise ValueError(
                "validation must reach the end of a video to be scored, got none; "
                "raise trainer.limit_val_batches"
            )
        wanted = {video.id for video in videos}
        tracks = [t for t in map(truth.track, range(len(truth))) if t.video_id in wanted]
        metrics = evaluate(videos, truth.categories, tracks, results)
        return Validated(metrics, videos, results, 1000 * self._seconds / max(1, self._frames))
