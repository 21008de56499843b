"""The LightningDataModule for any data set in YouTube-VIS layout."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from sgnet.data.annotations.coco_stills import load_videos_or_stills
from sgnet.data.annotations.named_split import is_held_out, video_name
from sgnet.data.annotations.youtube_vis import YouTubeVIS, find_split
from sgnet.data.clips.clip_pairs import ClipPair, ClipPairDataset, SeededSampler
from sgnet.data.clips.collate import collate_clip_pairs
from sgnet.data.clips.copy_paste import ClipCopyPaste
from sgnet.data.clips.frames import check_frames, read_frame
from sgnet.data.clips.mixed_pairs import MixedClipPairs
from sgnet.data.clips.still_motion import StillMotion
from sgnet.data.clips.transforms import ClipPairTransform
from sgnet.data.loading.empty_sets import problems_of_sets, visible_categories
from sgnet.data.loading.loader_processes import (
    default_workers,
    keep_to_one_core,
    prepare_process,
    share_of_batch,
)
from sgnet.data.loading.resumable_loader import ResumableLoader
from sgnet.data.loading.training_sources import (
    LoadedSource,
    TrainingSource,
    load_source,
    without_names,
)
from sgnet.data.loading.video_chunks import VideoChunkDataset, video_shares
from sgnet.ops.input_size import min_area_of
from sgnet.structures import Category, Video, VideoChunk

log = logging.getLogger(__name__)


class YouTubeVISDataModule(pl.LightningDataModule):
    """Streams clip pairs for training and whole videos for validation.

    Args:
        root: folder with both splits, see `find_split`.
        train_split: name of the training split.
        val_split: name of the validation split; None trains without validation.
        transform: for clip pairs; its size is the network's input size.
        batch_size: clip pairs of an optimiser step, over all processes and accumulated batches; the
            learning rate belongs to it, whatever the number of processes.
        max_gap: frames between key and reference frame at most.
        min_area: objects with fewer pixels after the transform are dropped; None takes what
            belongs to the input size, see `min_area_of`.
        num_workers: loader processes; None takes one less than the cores, at most 8.
        frames_per_chunk: validation frames run together; changes speed only.
        samples_per_epoch: clip pairs an epoch; None takes every key frame once.
        limit_val_videos: score only the first so many validation videos; None takes all.
        holdout: share of the training videos, drawn by `seed`, that is validated on instead of
            trained on; for data sets whose validation split comes without annotations.
        holdout_rule: `seed` draws them by `seed`; `name` takes them by their names, whatever the
            seed and the other videos, see the rule `hash` of `sgnet.data.annotations.named_split`.
        seed: of order and augmentation.
        sources: further data sets to train on; their categories are matched by name.
        weight: how often the first data set is drawn from, in proportion to theirs.
        motion: makes clip pairs of single images; None leaves both frames alike.
        copy_paste: of objects between clip pairs; None pastes nothing.

    Raises:
        ValueError: holdout is no share, the rule is unknown, or no video is left to score.
    """

    def __init__(
        self,
        root: str | Path,
        train_split: str,
        val_split: str | None,
        transform: ClipPairTransform,
        batch_size: int,
        max_gap: int = 1,
        min_area: int | None = None,
        num_workers: int | None = None,
        frames_per_chunk: int = 8,
        samples_per_epoch: int | None = None,
        limit_val_videos: int | None = None,
        holdout: float = 0.0,
        holdout_rule: str = "seed",
        seed: int = 0,
        sources: Sequence[TrainingSource] = (),
        weight: float = 1.0,
        motion: StillMotion | None = None,
        copy_paste: ClipCopyPaste | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= holdout < 1:
            raise ValueError(f"holdout must be a share in [0, 1), got {holdout}")
        if holdout_rule not in ("seed", "name"):
            raise ValueError(f"holdout_rule must be 'seed' or 'name', got {holdout_rule!r}")
        if limit_val_videos is not None and limit_val_videos < 1:
            raise ValueError(
                f"limit_val_videos must be at least 1 or null, got {limit_val_videos}; "
                "val_split=null trains without validation"
            )
        self.holdout = holdout
        self.holdout_rule = holdout_rule
        self.root = Path(root)
        self.train_split = train_split
        self.val_split = val_split
        self.transform = transform
        self.batch_size = batch_size
        self.max_gap = max_gap
        self.min_area = min_area_of(transform.size) if min_area is None else min_area
        self.num_workers = default_workers() if num_workers is None else num_workers
        self.frames_per_chunk = frames_per_chunk
        self.samples_per_epoch = samples_per_epoch
        self.limit_val_videos = limit_val_videos
        self.seed = seed
        self.sources = tuple(sources)
        self.weight = weight
        self.motion = motion
        pastes = copy_paste is not None and copy_paste.probability > 0
        self.copy_paste = copy_paste if pastes else None
        self._loaded_sources: tuple[LoadedSource, ...] | None = None
        self.begun_to_read: list[str] = []  # by loader processes, when training broke off
        self._training_pairs: ClipPairDataset | MixedClipPairs | None = None
        self._validation_chunks: VideoChunkDataset | None = None
        self._loaded: dict[str, tuple[YouTubeVIS, Path]] = {}
        self._looked_at = False  # for objects; Lightning sets up again

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
    def read_splits(self) -> dict[str, tuple[YouTubeVIS, Path, Path]]:
        """What is trained or scored on, by name: annotations, their file, folder of the images."""
        splits = dict.fromkeys((self.train_split, self._scored_split))
        own = {
            split: (self._split(split)[0], *find_split(self.root, split))
            for split in splits
            if split is not None
        }
        further = {
            str(source.path): (source.annotations, source.path, source.images)
            for source in self._further_sources()
        }
        return {**own, **further}

    @property
    def val_annotations(self) -> YouTubeVIS:
        """Ground truth of the validation videos."""
        if self._scored_split is None:
            raise ValueError("val_split is None; there is nothing to validate on")
        return self._split(self._scored_split)[0]

    @property
    def val_videos(self) -> Sequence[Video]:
        """The validation videos that are scored."""
        return self.scored_videos(self._scored_split or self.train_split)

    def read_val_frame(self, name: str) -> NDArray[np.uint8]:
        """A validation frame [H, W, 3] RGB by its name in the annotation file.

        Raises:
            ValueError: no such file, or no image.
        """
        if self._scored_split is None:
            raise ValueError("val_split is None; there is nothing to validate on")
        return read_frame(self._split(self._scored_split)[1] / name)

    def scored_videos(self, split: str) -> Sequence[Video]:
        """The videos of a split that figures may be given for: never those trained on by holdout.

        Args:
            split: any split of the data set; of the training split the held-out videos are taken
                where there are some.
        """
        videos: Sequence[Video] = self._split(split)[0].videos
        if self.holdout and split == self.train_split:
            videos = tuple(videos[v] for v in self._held_out())
        return videos[: self.limit_val_videos]

    def prepare_split(self, split: str) -> None:
        """Makes one split ready to read; here it is on disk already."""

    def setup(self, stage: str | None = None) -> None:
        """Reads the annotation files.

        Raises:
            ValueError: a file is malformed, the splits declare different categories, or the
                validation videos have no annotations.
        """
        if stage not in (None, "fit"):
            return
        for split in dict.fromkeys((self.train_split, self._scored_split)):
            if split is not None:
                annotations, images = self._split(split)
                check_frames(annotations.videos, images)
        self._check_training_split()
        for source in self._further_sources():
            check_frames(source.annotations.videos, source.images)
            log.info(source.summary())
        if self._scored_split is not None:
            self._check_validation_split()
        if not self._looked_at:
            self._looked_at = True
            for problem in self._missing_objects():
                log.warning(problem)

    def _check_validation_split(self) -> None:
        """Refuses validation videos without annotations, or of other categories."""
        train, val = self.categories, self.val_annotations.categories
        if not self.val_annotations.has_annotations:
            raise ValueError(
                f"{self.root}: split {self.val_split!r} has no annotations to validate on; hold "
                "some training videos out (data.holdout=0.1) or do without (data.val_split=null)"
            )
        if train != val:
            raise ValueError(
                f"{self.root}: categories of {self.val_split!r} must equal those of "
                f"{self.train_split!r}, expected {_ids_and_names(train)}, got {_ids_and_names(val)}"
            )

    def _missing_objects(self) -> list[str]:
        """What is said before a training on sets that show too little."""
        annotations = self._split(self.train_split)[0]
        trained = visible_categories(annotations, map(annotations.videos.__getitem__, self._kept()))
        for source in self._further_sources():
            seen = visible_categories(source.annotations, source.annotations.videos)
            labels = [label for number, label in source.labels.items() if number in seen]
            trained |= {self.category_ids[label] for label in labels}
        if self._scored_split is None:
            return problems_of_sets(str(self.root), trained, None)
        scored = visible_categories(self.val_annotations, self.val_videos)
        return problems_of_sets(str(self.root), trained, scored)

    def _check_training_split(self) -> None:
        """Refuses training videos without annotations, and a holdout of none or all of them."""
        train = self._split(self.train_split)[0]
        if not train.has_annotations:
            raise ValueError(
                f"{self.root}: split {self.train_split!r} has no annotations to train on; "
                "expected data.train_split to name an annotated split"
            )
        if self.holdout and not 0 < len(self._held_out()) < len(train.videos):
            raise ValueError(
                f"data.holdout must leave videos on both sides, got {self.holdout} of "
                f"{len(train.videos)} videos"
            )

    def train_dataloader(self) -> DataLoader[ClipPair]:
        """Shuffled batches of clip pairs; each process takes its share."""
        dataset = self._pairs_to_train_on()
        rank = 0 if self.trainer is None else self.trainer.global_rank
        batch_size, processes, accumulated = step = self.step_of(self.trainer)
        samples = self.samples_per_epoch or len(dataset)
        sampler = SeededSampler(
            len(dataset),
            self.seed,
            num_samples=max(1, samples // self.batch_size) * self.batch_size,  # whole steps
            batch_size=batch_size,
            rank=rank,
            world_size=processes,
            is_turned=dataset.is_turned if len(dataset.orientations) > 1 else None,
        )
        # loader processes begin before Lightning names the epoch; behind a checkpoint of an epoch's
        # end it hands no state of the loader on either
        sampler.set_epoch(_progress(self.trainer)[0])
        self._training_pairs = dataset
        if self.num_workers:
            keep_to_one_core()
        return ResumableLoader(
            dataset,
            sampler,
            partial(_progress, self.trainer),
            step,
            batch_size=batch_size,
            num_workers=self.num_workers,
            collate_fn=collate_clip_pairs,
            pin_memory=_has_gpu(self.trainer),
            persistent_workers=self.num_workers > 0,
            worker_init_fn=prepare_process,
        )

    def step_of(self, trainer: pl.Trainer | None) -> tuple[int, int, int]:
        """What makes an optimiser step: pairs of a batch, processes and accumulated batches.

        Args:
            trainer: None stands for one process and whole batches.

        Raises:
            ValueError: the pairs of a step cannot be shared out evenly.
        """
        if trainer is None:
            return self.batch_size, 1, 1
        shares = trainer.world_size, trainer.accumulate_grad_batches
        return share_of_batch(self.batch_size, *shares), *shares

    def _pairs_to_train_on(self) -> ClipPairDataset | MixedClipPairs:
        """Of the training videos that are not held out, and of the further data sets."""
        annotations, images = self._split(self.train_split)
        trained = self._kept()
        settings = (self.transform, self.max_gap, self.min_area)
        own = ClipPairDataset(annotations, images, *settings, videos=trained)
        further = self._further_sources()
        if not further and self.motion is None and self.copy_paste is None:
            return own
        scored = {video_name(video) for video in (self.val_videos if self._scored_split else ())}
        others = [
            ClipPairDataset(
                source.annotations,
                source.images,
                *settings,
                videos=without_names(source.annotations.videos, scored),
                labels=source.labels,
            )
            for source in further
        ]
        weights = [self.weight, *(source.weight for source in further)]
        return MixedClipPairs([own, *others], weights, self.motion, self.copy_paste)

    def _further_sources(self) -> tuple[LoadedSource, ...]:
        if self._loaded_sources is None:
            self._loaded_sources = tuple(
                load_source(source, self.categories) for source in self.sources
            )
        return self._loaded_sources

    def val_dataloader(self) -> DataLoader[VideoChunk] | list[VideoChunk]:
        """This process's share of the validation videos, some frames at a time.

        [] without validation.
        """
        if self._scored_split is None:
            return []
        images = self._split(self._scored_split)[1]
        trainer = self.trainer
        rank, processes = (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)
        limit = trainer.limit_val_batches if trainer else 1.0
        if processes > 1 and limit not in (0, 1.0):
            raise ValueError(
                "trainer.limit_val_batches must be 1.0 or 0 in several processes, which would each "
                f"take other videos, got {limit}; data.limit_val_videos limits the videos"
            )
        videos = video_shares(self.val_videos, processes)[rank]
        dataset = VideoChunkDataset(videos, images, self.input_size, self.frames_per_chunk)
        self._validation_chunks = dataset
        if self.num_workers:
            keep_to_one_core()
        return DataLoader(
            dataset,
            batch_size=None,
            shuffle=False,
            num_workers=self.num_workers,
            pin_memory=_has_gpu(self.trainer),
            worker_init_fn=prepare_process,
        )

    def on_exception(self, exception: BaseException) -> None:
        """Takes down what the loader processes were reading."""
        trainer = self.trainer
        validates = trainer is not None and (trainer.validating or trainer.sanity_checking)
        dataset = self._validation_chunks if validates else self._training_pairs
        self.begun_to_read = [] if dataset is None else dataset.being_read()

    @property
    def _scored_split(self) -> str | None:
        return self.train_split if self.holdout else self.val_split

    def _held_out(self) -> list[int]:
        """Indices of the training videos that are kept for validation, ascending."""
        videos = self._split(self.train_split)[0].videos
        if self.holdout_rule == "name":
            names = enumerate(map(video_name, videos))
            return [v for v, name in names if is_held_out(name, self.holdout)]
        count = len(videos)
        order = np.random.default_rng(self.seed).permutation(count)
        return sorted(order[: round(self.holdout * count)].tolist())

    def _kept(self) -> list[int]:
        """Indices of the training videos that are trained on, ascending."""
        held_out = set(self._held_out())
        return [v for v in range(len(self._split(self.train_split)[0].videos)) if v not in held_out]

    def _split(self, split: str) -> tuple[YouTubeVIS, Path]:
        if split not in self._loaded:
            path, images = find_split(self.root, split)
            self._loaded[split] = (load_videos_or_stills(path), images)
        return self._loaded[split]


def _ids_and_names(categories: Sequence[Category]) -> list[str]:
    return [f"{category.id} {category.name}" for category in categories]


def _progress(trainer: pl.Trainer | None) -> tuple[int, int]:
    """Epoch, and the batches of it that are trained."""
    if trainer is None:
        return 0, 0
    loop: Any = trainer.fit_loop  # the types of its counters are wider than they are
    epochs = loop.epoch_progress.current
    if epochs.processed > epochs.completed:  # at the end of an epoch
        return epochs.processed, 0
    return epochs.processed, loop.epoch_loop.batch_progress.current.processed


def _has_gpu(trainer: pl.Trainer | None) -> bool:
    return trainer is not None and trainer.strategy.root_device.type == "cuda"
