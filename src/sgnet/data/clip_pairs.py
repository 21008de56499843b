"""Clip pairs: a key frame and an earlier reference frame of the same video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from sgnet.data.frames import image_tensor, read_frame
from sgnet.data.raw_pairs import RawFrame, RawPair
from sgnet.data.reading_notes import ReadingNotes
from sgnet.data.transforms import ClipPairTransform
from sgnet.data.youtube_vis import YouTubeVIS
from sgnet.ops.rle import decode


@dataclass(frozen=True)
class FrameSample:
    """One transformed frame with its N objects.

    Attributes:
        image: [3, H, W] uint8.
        boxes_xyxy: [N, 4] float32 around the masks, pixels.
        labels: [N] class index.
        track_ids: [N] annotation ids.
        masks: [N, H, W] uint8 0/1.
    """

    image: Tensor
    boxes_xyxy: Tensor
    labels: Tensor
    track_ids: Tensor
    masks: Tensor


@dataclass(frozen=True)
class ClipPair:
    """Key and reference frame after one transform.

    Attributes:
        key: the key frame.
        reference: the frame before it.
        name: the key frame's file.
        seed: of the choice of reference frame and transform.
    """

    key: FrameSample
    reference: FrameSample
    name: str
    seed: int


class ClipPairDataset(Dataset[ClipPair]):
    """Every frame with an earlier one is a key frame; the reference is 1..d frames before it.

    Items are asked for with (index, seed), or an index that is its own seed: the seed decides
    reference frame and transform, so a sample depends neither on the worker nor on what was read
    before.

    Args:
        annotations: with objects.
        image_folder: holds the videos' frames.
        transform: for both frames.
        max_gap: d, frames between key and reference at most.
        min_area: objects with fewer visible pixels after the transform are dropped.
        videos: indices of the videos to draw from; None takes all.
        labels: class index of each category id, objects of other categories are left out; None
            counts the categories in the file's order.
    """

    def __init__(
        self,
        annotations: YouTubeVIS,
        image_folder: Path,
        transform: ClipPairTransform,
        max_gap: int = 1,
        min_area: int = 1,
        videos: Sequence[int] | None = None,
        labels: Mapping[int, int] | None = None,
    ) -> None:
        if max_gap < 1:
            raise ValueError(f"max_gap must be at least 1 frame, got {max_gap}")
        self._annotations = annotations
        self._image_folder = image_folder
        self._transform = transform
        self._max_gap = max_gap
        self._min_area = max(1, min_area)
        in_order = {category.id: i for i, category in enumerate(annotations.categories)}
        self._label_of = in_order if labels is None else dict(labels)
        chosen = range(len(annotations.videos)) if videos is None else videos
        self._keys = _key_frames([(v, annotations.videos[v].length) for v in chosen])
        self._reading = ReadingNotes()

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, item: tuple[int, int] | int) -> ClipPair:
        index, seed = (item, item) if isinstance(item, int) else item
        return self.transformed(self.read(index, np.random.default_rng(seed)), seed)

    def read(self, index: int, random: np.random.Generator) -> RawPair:
        """A pair as it is stored.

        Args:
            index: of the key frame.
            random: decides the reference frame.

        Raises:
            ValueError: a frame is missing, unreadable or of another size than the annotations say.
        """
        self._reading.note(index)
        video_index, key = (int(value) for value in self._keys[index])
        reference = max(0, key - int(random.integers(1, self._max_gap + 1)))
        names = self._annotations.videos[video_index].file_names
        before, now = (self._frame(video_index, frame) for frame in (reference, key))
        return RawPair(now, before, names[key], is_still=key == reference)

    def transformed(self, pair: RawPair, seed: int) -> ClipPair:
        """A pair at the network's input size, with the objects that are still visible.

        Args:
            pair: as it is stored.
            seed: of the transform.
        """
        key, reference = pair.key, pair.reference
        key_image, reference_image, masks = self._transform(
            key.image, reference.image, [*key.masks, *reference.masks], seed
        )
        split = len(key.masks)
        return ClipPair(
            key=self._sample(key_image, key, masks[:split]),
            reference=self._sample(reference_image, reference, masks[split:]),
            name=pair.name,
            seed=seed,
        )

    def being_read(self) -> list[str]:
        """Key frames that the loader processes read last, for when one of them dies."""
        places = [self._keys[index] for index in self._reading.begun()]
        return [self._annotations.videos[int(v)].file_names[int(key)] for v, key in places]

    def _frame(self, video_index: int, frame: int) -> RawFrame:
        video = self._annotations.videos[video_index]
        path = self._image_folder / video.file_names[frame]
        objects = [
            item
            for item in self._annotations.frame_objects(video_index, frame)
            if not item.iscrowd and item.category_id in self._label_of
        ]
        return RawFrame(
            image=read_frame(path, (video.height, video.width)),
            labels=tuple(self._label_of[item.category_id] for item in objects),
            track_ids=tuple(item.annotation_id for item in objects),
            masks=tuple(decode(item.rle) for item in objects),
        )

    def _sample(
        self,
        image: NDArray[np.uint8],
        objects: RawFrame,
        masks: Sequence[NDArray[np.uint8]],
    ) -> FrameSample:
        """The frame with the objects that are still visible in it."""
        kept = [i for i, mask in enumerate(masks) if int(mask.sum()) >= self._min_area]
        height, width = image.shape[:2]
        stacked = np.zeros((len(kept), height, width), dtype=np.uint8)
        for row, i in enumerate(kept):
            stacked[row] = masks[i]
        return FrameSample(
            image=image_tensor(image),
            boxes_xyxy=mask_boxes_xyxy(stacked),
            labels=torch.tensor([objects.labels[i] for i in kept], dtype=torch.int64),
            track_ids=torch.tensor([objects.track_ids[i] for i in kept], dtype=torch.int64),
            masks=torch.from_numpy(stacked),
        )


class SeededSampler(Sampler[tuple[int, int]]):
    """Yields (index, seed), both functions of seed and epoch alone.

    Args:
        length: of the data set.
        seed: of the run.
        shuffle: False keeps the order, with fresh seeds.
        num_samples: items an epoch over all processes; None takes each index once.
        batch_size: items of a batch of one process.
        rank: of this process; it takes every `world_size`-th batch, as many as the others, so that
            N processes take together what one takes in N batches.
        world_size: number of processes; what is over their whole batches is left out.
    """

    def __init__(
        self,
        length: int,
        seed: int,
        shuffle: bool = True,
        num_samples: int | None = None,
        batch_size: int = 1,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self._length = length
        self._seed = seed
        self._shuffle = shuffle
        self._num_samples = length if num_samples is None else num_samples
        self._batch_size = batch_size
        self._rank = rank
        self._world_size = world_size
        self._epoch = 0
        self._done = (0, 0)  # epoch, and batches of it that are trained already

    def go_on(self, epoch: int, batches: int) -> None:
        """Leaves the first batches of an epoch out; later epochs are whole."""
        self._epoch = epoch
        self._done = (epoch, batches)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of an epoch; Lightning calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        together = self._batch_size * self._world_size
        return self._num_samples // together * self._batch_size

    def __iter__(self) -> Iterator[tuple[int, int]]:
        generator = np.random.default_rng([self._seed, self._epoch])
        rounds = -(-self._num_samples // max(1, self._length))
        orders = [
            generator.permutation(self._length) if self._shuffle else np.arange(self._length)
            for _ in range(rounds)
        ]
        seeds = generator.integers(0, 2**31, size=self._num_samples)
        indices = np.concatenate([*orders, np.zeros(0, dtype=np.int64)])[: self._num_samples]
        taken = np.stack([indices, seeds], axis=1)[: len(self) * self._world_size]
        batches = taken.reshape(-1, self._world_size, self._batch_size, 2)[:, self._rank]
        epoch, done = self._done
        mine = batches[done if epoch == self._epoch else 0 :].reshape(-1, 2)
        return iter([(index, seed) for index, seed in mine.tolist()])


def mask_boxes_xyxy(masks: NDArray[np.uint8]) -> Tensor:
    """Tight boxes around masks: the right and bottom edge lie behind the last pixel.

    Args:
        masks: [N, H, W] 0/1, none empty.

    Returns:
        [N, 4] float32 pixels.
    """
    boxes = np.zeros((masks.shape[0], 4), dtype=np.float32)
    for row, mask in enumerate(masks):
        columns = np.flatnonzero(mask.any(axis=0))
        rows = np.flatnonzero(mask.any(axis=1))
        boxes[row] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return torch.from_numpy(boxes)


def _key_frames(videos: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """[S, 2] video and key frame of videos (index, length); a single frame is its own reference."""
    pairs = [
        np.stack([np.full(max(1, n - 1), v), np.arange(min(1, n - 1), n)], axis=1)
        for v, n in videos
    ]
    return np.concatenate([*pairs, np.zeros((0, 2), dtype=np.int64)]).astype(np.int64)
