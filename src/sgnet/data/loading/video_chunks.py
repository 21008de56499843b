"""Whole videos in frame order, a few frames at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from sgnet.data.clips.clip_pairs import image_tensor
from sgnet.data.clips.frames import fit_size, read_frame, resize_frame
from sgnet.data.clips.reading_notes import ReadingNotes
from sgnet.structures import Video, VideoChunk


def video_shares(videos: Sequence[Video], parts: int) -> list[list[Video]]:
    """Shares of about the same number of frames, each in the videos' order.

    Longest first to whoever has the least. No share is empty: where there are fewer videos than
    parts, the parts left over take one of the others'.

    Args:
        videos: at least one.
        parts: number of shares.
    """
    loads = [0] * parts
    owners = {}
    for index in sorted(range(len(videos)), key=lambda i: (-videos[i].length, i)):
        owners[index] = loads.index(min(loads))
        loads[owners[index]] += videos[index].length
    shares = [[v for i, v in enumerate(videos) if owners[i] == part] for part in range(parts)]
    return [share or shares[0][:1] for share in shares]


class VideoChunkDataset(Dataset[VideoChunk]):
    """Item i is the i-th chunk; chunks of a video follow each other, videos as well.

    Args:
        videos: with file names.
        image_folder: holds their frames.
        size: (height, width) of the network's input; frames keep their aspect ratio within it.
        frames_per_chunk: read and run together; it bounds memory and changes no result.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        image_folder: Path,
        size: tuple[int, int],
        frames_per_chunk: int = 8,
    ) -> None:
        if frames_per_chunk < 1:
            raise ValueError(f"frames_per_chunk must be at least 1, got {frames_per_chunk}")
        self._videos = videos
        self._image_folder = image_folder
        self._size = (int(size[0]), int(size[1]))
        self._frames_per_chunk = frames_per_chunk
        starts = [
            (v, start)
            for v, video in enumerate(videos)
            for start in range(0, video.length, frames_per_chunk)
        ]
        self._starts = np.array(starts, dtype=np.int64).reshape(-1, 2)
        self._reading = ReadingNotes()

    def being_read(self) -> list[str]:
        """First frames of the chunks that the loader processes read last."""
        places = [self._starts[index] for index in self._reading.begun()]
        return [self._videos[int(v)].file_names[int(first)] for v, first in places]

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> VideoChunk:
        self._reading.note(index)
        video_index, first = (int(value) for value in self._starts[index])
        video = self._videos[video_index]
        original = (video.height, video.width)
        size = fit_size(original, self._size)
        frames = [
            image_tensor(resize_frame(read_frame(self._image_folder / name, original), size))
            for name in video.file_names[first : first + self._frames_per_chunk]
        ]
        return VideoChunk(
            images=torch.stack(frames),
            video_id=video.id,
            first_frame=first,
            video_length=video.length,
            original_size=original,
        )
