"""A checkpoint over all videos of a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import track as track_progress
from torch.utils.data import DataLoader

from sgnet.checkpoint import LoadedCheckpoint
from sgnet.chunk_predictor import ChunkPredictor, ChunkTracker
from sgnet.data.video_chunks import VideoChunkDataset
from sgnet.evaluation.track_results import TrackCollector
from sgnet.records import ResultTrack, Video
from sgnet.sources.images import ImageFiles
from sgnet.video_predictor import Speed, VideoPredictor


@dataclass(frozen=True)
class SplitTracking:
    """How the videos are run; the figures do not depend on it but for the precision of `fast`.

    Attributes:
        device: where the network runs.
        speed: None runs the network as in validation, several frames at a time; `exact` and `fast`
            stream the videos through `VideoPredictor`.
        compiled: through torch.compile, for `exact` and `fast`.
        frames_per_chunk: for None.
        num_workers: loader processes, for None.
    """

    device: torch.device
    speed: Speed | None = None
    compiled: bool = False
    frames_per_chunk: int = 8
    num_workers: int = 0

    def __call__(
        self,
        loaded: LoadedCheckpoint,
        videos: Sequence[Video],
        images: Path,
        category_ids: Sequence[int],
    ) -> list[ResultTrack]:
        """Tracks of the videos, video by video in frame order.

        Args:
            loaded: the checkpoint.
            videos: with file names.
            images: folder of their frames.
            category_ids: in the data set, of each class index.
        """
        if self.speed is None:
            return self._in_chunks(loaded, videos, images, category_ids)
        predictor = VideoPredictor.from_loaded(loaded, str(self.device), self.speed, self.compiled)
        tracks: list[ResultTrack] = []
        for video in track_progress(videos, description="evaluating", transient=True):
            collector = TrackCollector(video.id, video.length, category_ids)
            paths = [images / name for name in video.file_names]
            for result in predictor.stream(ImageFiles(paths, f"video {video.id}")):
                collector.add(result.frame.index, result.instances)
            tracks += collector.results()
        return tracks

    def _in_chunks(
        self,
        loaded: LoadedCheckpoint,
        videos: Sequence[Video],
        images: Path,
        category_ids: Sequence[int],
    ) -> list[ResultTrack]:
        model = loaded.model.to(self.device)
        predictor = ChunkPredictor(
            model.to(memory_format=torch.channels_last),
            loaded.decoder,
            loaded.tracker,
        )
        dataset = VideoChunkDataset(videos, images, loaded.input_size, self.frames_per_chunk)
        chunks = DataLoader(dataset, batch_size=None, num_workers=self.num_workers)
        tracker = ChunkTracker(predictor, category_ids)
        tracks: list[ResultTrack] = []
        for chunk in track_progress(chunks, description="evaluating", transient=True):
            tracks += tracker.add(chunk.to(self.device))
        return tracks
