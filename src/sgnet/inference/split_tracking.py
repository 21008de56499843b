"""A trained network over all videos of a split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from rich.progress import track as track_progress
from torch.utils.data import DataLoader

from sgnet.checkpoints.loading import LoadedCheckpoint
from sgnet.data.loading.loader_processes import keep_process_to_one_core, keep_to_one_core
from sgnet.data.loading.video_chunks import VideoChunkDataset
from sgnet.evaluation.track_results import TrackCollector
from sgnet.inference.chunk_predictor import ChunkPredictor, ChunkTracker
from sgnet.inference.sources.images import ImageFiles
from sgnet.inference.streaming import InstanceStreamer
from sgnet.records import ResultTrack, Video
from sgnet.structures import VideoChunk

# videos with file names, the folder of their frames, and the data set's id of each class index
SplitTracking = Callable[[Sequence[Video], Path, Sequence[int]], list[ResultTrack]]


def streamed(predictor: InstanceStreamer) -> SplitTracking:
    """Tracks by streaming each video, as users do."""
    return partial(_stream, predictor)


def in_chunks(
    loaded: LoadedCheckpoint, device: torch.device, frames_per_chunk: int, num_workers: int = 0
) -> SplitTracking:
    """Tracks as in validation, several frames at a time; the figures are those of `streamed`.

    Args:
        loaded: the checkpoint.
        device: where the network runs.
        frames_per_chunk: frames at a time.
        num_workers: loader processes.
    """
    return partial(_run_chunks, loaded, device, frames_per_chunk, num_workers)


def _stream(
    predictor: InstanceStreamer,
    videos: Sequence[Video],
    images: Path,
    category_ids: Sequence[int],
) -> list[ResultTrack]:
    tracks: list[ResultTrack] = []
    for video in track_progress(videos, description="evaluating", transient=True):
        collector = TrackCollector(video.id, video.length, category_ids)
        paths = [images / name for name in video.file_names]
        for result in predictor.stream(ImageFiles(paths, f"video {video.id}")):
            collector.add(result.frame.index, result.instances)
        tracks += collector.results()
    return tracks


def _run_chunks(
    loaded: LoadedCheckpoint,
    device: torch.device,
    frames_per_chunk: int,
    num_workers: int,
    videos: Sequence[Video],
    images: Path,
    category_ids: Sequence[int],
) -> list[ResultTrack]:
    predictor = ChunkPredictor(
        loaded.model.to(device).to(memory_format=torch.channels_last),
        loaded.decoder,
        loaded.tracker,
    )
    chunks = video_chunks(videos, images, loaded.input_size, frames_per_chunk, num_workers)
    tracker = ChunkTracker(predictor, category_ids)
    tracks: list[ResultTrack] = []
    for chunk in track_progress(chunks, description="evaluating", transient=True):
        tracks += tracker.add(chunk.to(device))
    return tracks


def video_chunks(
    videos: Sequence[Video],
    images: Path,
    input_size: tuple[int, int],
    frames_per_chunk: int,
    num_workers: int,
) -> DataLoader[VideoChunk]:
    """Loads videos in frame order.

    Args:
        videos: with file names.
        images: folder of their frames.
        input_size: (height, width) of the network's input.
        frames_per_chunk: frames at a time.
        num_workers: loader processes.
    """
    dataset = VideoChunkDataset(videos, images, input_size, frames_per_chunk)
    if num_workers:
        keep_to_one_core()
    return DataLoader(
        dataset,
        batch_size=None,
        num_workers=num_workers,
        worker_init_fn=keep_process_to_one_core,
    )
