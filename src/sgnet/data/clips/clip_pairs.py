"""Clip pairs: a key frame and an earlier reference frame of the same video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from sgnet.data.annotations.youtube_vis import YouTubeVIS
from sgnet.data.clips.frames import BrokenFrameError, read_frame
from sgnet.data.clips.orientation_batches import batches_of_one_orientation
from sgnet.data.clips.raw_pairs import RawFrame, RawPair
from sgnet.data.clips.reading_notes import ReadingNotes
from sgnet.data.clips.transforms import ClipPairTransform
from sgnet.ops.rle import decode

ATTEMPTS = 5  # to read a pair before the data set is given up


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
        replaced: what was wrong with the frames of the pairs that this one stands in for.
    """

    key: FrameSample
    reference: FrameSample
    name: str
    seed: int
    replaced: tuple[str, ...] = ()


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

    Attributes:
        turned: [S] whether the pair of a key frame has the input size's sides exchanged.
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
        turns = [transform.turns((v.height, v.width)) for v in annotations.videos]
        self.turned = np.array(turns, dtype=np.bool_)[self._keys[:, 0]]
        self._reading = ReadingNotes()

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, item: tuple[int, int] | int) -> ClipPair:
        index, seed = (item, item) if isinstance(item, int) else item
        return self.transformed(self.read(index, np.random.default_rng(seed)), seed)

    def read(self, index: int, random: np.random.Generator) -> RawPair:
        """A pair as it is stored; another one, drawn, in place of a pair with a broken frame.

        The other one has the same orientation, or it would fit into no batch.

        Args:
            index: of the key frame.
            random: decides the reference frame.

        Raises:
            BrokenFrameError: none of several drawn pairs could be read.
        """
        broken: list[str] = []
        for _ in range(ATTEMPTS):
            self._reading.note(index)
            try:
                return replace(self._stored(index, random), replaced=tuple(broken))
            except BrokenFrameError as error:
                broken.append(str(error))
                alike = np.flatnonzero(self.turned == self.turned[index])
                index = int(alike[random.integers(len(alike))])
        raise BrokenFrameError(f"{ATTEMPTS} clip pairs in a row are broken: {'; '.join(broken)}")

    @property
    def orientations(self) -> set[bool]:
        """Those of its pairs, see `is_turned`."""
        return set(np.unique(self.turned).tolist())

    def is_turned(self, item: tuple[int, int]) -> bool:
        """Whether an item (index, seed) has the input size's sides exchanged."""
        return bool(self.turned[item[0]])

    def frames_of(self, index: int, random: np.random.Generator) -> tuple[int, int, int]:
        """Video, key frame and reference frame of a pair.

        Args:
            index: of the key frame.
            random: decides the reference frame.
        """
        video, key = (int(value) for value in self._keys[index])
        return video, key, max(0, key - int(random.integers(1, self._max_gap + 1)))

    def _stored(self, index: int, random: np.random.Generator) -> RawPair:
        video_index, key, reference = self.frames_of(index, random)
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
        masks = [*key.masks, *reference.masks]
        try:
            key_image, reference_image, masks = self._transform(
                key.image, reference.image, masks, seed
            )
        except ValueError as error:
            raise ValueError(f"{pair.name}: {error}") from error
        split = len(key.masks)
        moved = replace(key, image=key_image, masks=tuple(masks[:split]))
        before = replace(reference, image=reference_image, masks=tuple(masks[split:]))
        return ClipPair(
            key=visible_sample(moved, self._min_area),
            reference=visible_sample(before, self._min_area),
            name=pair.name,
            seed=seed,
            replaced=pair.replaced,
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


def visible_sample(frame: RawFrame, min_area: int) -> FrameSample:
    """A frame with the objects that are still visible in it.

    Args:
        frame: behind the transform.
        min_area: objects with fewer pixels are dropped.
    """
    kept = [i for i, mask in enumerate(frame.masks) if int(mask.sum()) >= min_area]
    stacked = np.zeros((len(kept), *frame.size), dtype=np.uint8)
    for row, i in enumerate(kept):
        stacked[row] = frame.masks[i]
    return FrameSample(
        image=image_tensor(frame.image),
        boxes_xyxy=mask_boxes_xyxy(stacked),
        labels=torch.tensor([frame.labels[i] for i in kept], dtype=torch.int64),
        track_ids=torch.tensor([frame.track_ids[i] for i in kept], dtype=torch.int64),
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
        is_turned: the orientation of an item, where there are both; a batch then has one of them,
            see `batches_of_one_orientation`.
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
        is_turned: Callable[[tuple[int, int]], bool] | None = None,
    ) -> None:
        self._length = length
        self._is_turned = is_turned
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

    @property
    def first_batch(self) -> int:
        """Number within the epoch of the first batch that is not trained already."""
        epoch, done = self._done
        return done if epoch == self._epoch else 0

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
        if self._is_turned is not None:
            turned = np.array([self._is_turned((i, s)) for i, s in taken.tolist()], dtype=np.bool_)
            taken = taken[batches_of_one_orientation(turned, self._batch_size, generator)]
        batches = taken.reshape(-1, self._world_size, self._batch_size, 2)[:, self._rank]
        mine = batches[self.first_batch :].reshape(-1, 2)
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


def image_tensor(image: NDArray[np.uint8]) -> Tensor:
    """[H, W, 3] uint8 array as a [3, H, W] tensor.

    Raises:
        ValueError: another type or number of channels.
    """
    if image.dtype != np.uint8 or image.shape[2:] != (3,):
        raise ValueError(
            f"frames must be [H, W, 3] of uint8, got {list(image.shape)} of {image.dtype}"
        )
    planes = np.empty((3, *image.shape[:2]), dtype=np.uint8)
    cv2.split(image, list(planes))  # three times as fast as a transposed copy
    return torch.from_numpy(planes)
