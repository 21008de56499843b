"""The work of the loader by stage, beside the straightforward way to make the same clip pairs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import albumentations as A
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from sgnet.data.annotations.youtube_vis import YouTubeVIS
from sgnet.data.clips.clip_pairs import ClipPair, ClipPairDataset, visible_sample
from sgnet.data.clips.collate import collate_clip_pairs
from sgnet.data.clips.raw_pairs import RawFrame
from sgnet.data.clips.transforms import ClipPairTransform
from sgnet.files.image_file import decode_image
from sgnet.ops.rle import decode, to_coco

UInt8Array = NDArray[np.uint8]
WHOLE, STRAIGHT = "whole", "straightforward"
OWN_MASKS, KINDER = "two frames' masks only", "and resized first"  # of the straightforward


@dataclass(frozen=True)
class LoadedSet:
    """What clip pairs are made of.

    Attributes:
        annotations: of the videos.
        images: folder of their frames.
        transform: for both frames of a pair.
        max_gap: frames between key and reference frame at most.
        min_area: objects with fewer pixels after the transform are dropped.
    """

    annotations: YouTubeVIS
    images: Path
    transform: ClipPairTransform
    max_gap: int
    min_area: int

    def pairs(self) -> ClipPairDataset:
        """The package's own clip pairs."""
        return ClipPairDataset(
            self.annotations, self.images, self.transform, self.max_gap, self.min_area
        )


class StraightforwardPairs:
    """Clip pairs as they are often made: Pillow, pycocotools, albumentations on what these give.

    Takes the same frames and the same random numbers as `ClipPairDataset`.

    Args:
        data: to make them of.
        steps: albumentations steps that end at the network's input size.
        every_mask: decodes all masks of the video, not only those of the two frames.
    """

    def __init__(
        self, data: LoadedSet, steps: Sequence[A.BasicTransform], every_mask: bool
    ) -> None:
        self._data = data
        self._pairs = data.pairs()
        self._every_mask = every_mask
        self._pipeline = A.Compose(list(steps), additional_targets={"reference": "image"})
        categories = data.annotations.categories
        self._label_of = {category.id: i for i, category in enumerate(categories)}

    def __getitem__(self, item: tuple[int, int]) -> ClipPair:
        index, seed = item
        videos = self._data.annotations.videos
        video, key, reference = self._pairs.frames_of(index, np.random.default_rng(seed))
        wanted = range(videos[video].length) if self._every_mask else {key, reference}
        masks = self._decoded(video, wanted)
        frames = [self._frame(video, frame, masks) for frame in (key, reference)]
        self._pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
        shown = [mask for frame in frames for mask in frame.masks]
        named = {"masks": np.stack(shown)} if shown else {}
        result = self._pipeline(image=frames[0].image, reference=frames[1].image, **named)
        moved = list(result.get("masks", []))
        split = len(frames[0].masks)
        parts = (("image", moved[:split]), ("reference", moved[split:]))
        samples = [
            visible_sample(
                RawFrame(result[name], frame.labels, frame.track_ids, tuple(own)),
                self._data.min_area,
            )
            for frame, (name, own) in zip(frames, parts, strict=True)
        ]
        return ClipPair(samples[0], samples[1], videos[video].file_names[key], seed)

    def _decoded(
        self, video_index: int, wanted: Iterable[int]
    ) -> dict[tuple[int, int], UInt8Array]:
        """Masks by track number and frame."""
        annotations = self._data.annotations
        return {
            (number, frame): coco_mask.decode(to_coco(rle))
            for number in annotations.tracks_of_video(annotations.videos[video_index].id)
            for frame in wanted
            if (rle := annotations.track(number).segmentations[frame]) is not None
        }

    def _frame(
        self, video_index: int, frame: int, decoded: Mapping[tuple[int, int], UInt8Array]
    ) -> RawFrame:
        annotations = self._data.annotations
        video = annotations.videos[video_index]
        with Image.open(self._data.images / video.file_names[frame]) as file:
            image = np.array(file.convert("RGB"))
        labels, ids, masks = [], [], []
        for number in annotations.tracks_of_video(video.id):
            track = annotations.track(number)
            if (number, frame) in decoded and not track.iscrowd:
                labels.append(self._label_of[track.category_id])
                ids.append(track.id)
                masks.append(decoded[number, frame])
        return RawFrame(image, tuple(labels), tuple(ids), tuple(masks))


def stages(data: LoadedSet, items: Sequence[tuple[int, int]]) -> dict[str, Callable[[], object]]:
    """The parts of reading clip pairs, each on what the part before it made, and the whole.

    Args:
        data: to read.
        items: (index, seed) of the pairs.

    Returns:
        A function for each part, that does it for all items, by name.
    """
    pairs = data.pairs()
    raw = [pairs.read(index, np.random.default_rng(seed)) for index, seed in items]
    seeds = [seed for _, seed in items]
    places = [pairs.frames_of(index, np.random.default_rng(seed)) for index, seed in items]
    frames = [(video, frame) for video, *both in places for frame in both]
    videos = data.annotations.videos
    paths = [data.images / videos[video].file_names[frame] for video, frame in frames]
    contents = [path.read_bytes() for path in paths]
    encoded = [item.rle for place in frames for item in data.annotations.frame_objects(*place)]

    def transformed() -> list[ClipPair]:
        return [pairs.transformed(pair, seed) for pair, seed in zip(raw, seeds, strict=True)]

    samples = transformed()
    return {
        "read": lambda: [path.read_bytes() for path in paths],
        "JPEG decode": lambda: [decode_image(content) for content in contents],
        "mask decode": lambda: [decode(rle) for rle in encoded],
        "transform": transformed,
        "collate": lambda: collate_clip_pairs(samples),
        WHOLE: lambda: collate_clip_pairs([pairs[item] for item in items]),
    }
