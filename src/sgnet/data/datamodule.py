"""The LightningDataModule for any data set in YouTube-VIS layout."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from sgnet.data.clip_pairs import ClipPair, ClipPairDataset, SeededSampler
from sgnet.data.collate import collate_clip_pairs
from sgnet.data.transforms import ClipPairTransform
from sgnet.data.video_chunks import VideoChunkDataset
from sgnet.data.youtube_vis import YouTubeVIS, find_split, load_annotations
from sgnet.structures import Category, Video, VideoChunk


class YouTubeVISDataModule(pl.LightningDataModule):
    """Streams clip pairs for training and whole videos for validation.

    Args:
        root: folder with both splits, see `find_split`.
        train_split: name of the training split.
        val_split: name of the validation split.
        transform: for clip pairs; its size is the network's input size.
        batch_size: clip pairs a step and process.
        max_gap: frames between key and reference frame at most.
        min_area: objects with fewer pixels after the transform are dropped.
        num_workers: loader processes; None takes one less than the cores, at most 8.
        frames_per_chunk: validation frames run together; changes speed only.
        samples_per_epoch: clip pairs an epoch; None takes every key frame once.
        limit_val_videos: score only the first so many validation videos; None takes all.
        seed: of order and augmentation.
    """

    def __init__(
        self,
        root: str | Path,
        train_split: str,
        val_split: str,
        transform: ClipPairTransform,
        batch_size: int,
        max_gap: int = 1,
        min_area: int = 1,
        num_workers: int | None = None,
        frames_per_chunk: int = 8,
        samples_per_epoch: int | None = None,
        limit_val_videos: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.root = Path(root)
        self.train_split = train_split
        self.val_split = val_split
        self.transform = transform
        self.batch_size = batch_size
        self.max_gap = max_gap
        self.min_area = min_area
        self.num_workers = default_workers() if num_workers is None else num_workers
        self.frames_per_chunk = frames_per_chunk
        self.samples_per_epoch = samples_per_epoch
        self.limit_val_videos = limit_val_videos
        self.seed = seed
        self._loaded: dict[str, tuple[YouTubeVIS, Path]] = {}

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the network's input."""
        return self.transform.size

    @property
    def categories(self) -> tuple[Category, ...]:
        """Categories by class index, as the training annotations declare them."""
        return self._split(self.train_split)[0].categories

    @property
    def category_ids(self) -> tuple[int, ...]:
        """Category id of each class index."""
        return tuple(category.id for category in self.categories)

    @property
    def val_annotations(self) -> YouTubeVIS:
        """Ground truth of the validation split."""
        return self._split(self.val_split)[0]

    @property
    def val_videos(self) -> Sequence[Video]:
        """The validation videos that are scored."""
        return self.val_annotations.videos[: self.limit_val_videos]

    def setup(self, stage: str | None = None) -> None:
        """Reads the annotation files.

        Raises:
            ValueError: a file is malformed, or the two splits declare different categories.
        """
        if stage not in (None, "fit"):
            return
        train, val = self.categories, self.val_annotations.categories
        if train != val:
            raise ValueError(
                f"{self.root}: categories of {self.val_split!r} must equal those of "
                f"{self.train_split!r}, expected {[c.name for c in train]}, "
                f"got {[c.name for c in val]}"
            )

    def train_dataloader(self) -> DataLoader[ClipPair]:
        """Shuffled batches of clip pairs; each process takes its share."""
        annotations, images = self._split(self.train_split)
        dataset = ClipPairDataset(annotations, images, self.transform, self.max_gap, self.min_area)
        trainer = self.trainer
        sampler = SeededSampler(
            len(dataset),
            self.seed,
            num_samples=self.samples_per_epoch,
            rank=trainer.global_rank if trainer else 0,
            world_size=trainer.world_size if trainer else 1,
        )
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            collate_fn=collate_clip_pairs,
            drop_last=len(sampler) >= self.batch_size,
            pin_memory=_has_gpu(trainer),
            persistent_workers=self.num_workers > 0,
        )

    def val_dataloader(self) -> DataLoader[VideoChunk]:
        """The validation videos in order, some frames at a time."""
        images = self._split(self.val_split)[1]
        dataset = VideoChunkDataset(self.val_videos, images, self.input_size, self.frames_per_chunk)
        return DataLoader(
            dataset,
            batch_size=None,
            shuffle=False,
            num_workers=self.num_workers,
            pin_memory=_has_gpu(self.trainer),
        )

    def _split(self, split: str) -> tuple[YouTubeVIS, Path]:
        if split not in self._loaded:
            path, images = find_split(self.root, split)
            self._loaded[split] = (load_annotations(path), images)
        return self._loaded[split]


def default_workers() -> int:
    """One loader process less than there are cores, 1 to 8."""
    return max(1, min(8, (os.cpu_count() or 1) - 1))


def _has_gpu(trainer: pl.Trainer | None) -> bool:
    return trainer is not None and trainer.strategy.root_device.type == "cuda"
