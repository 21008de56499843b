"""The annotated objects of a frame, beside what a network says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sgnet.data.annotations.youtube_vis import FrameObject, YouTubeVIS
from sgnet.data.clips.clip_pairs import mask_boxes_xyxy
from sgnet.evaluation.oracle import TrueObject
from sgnet.ops.rle import decode, is_background
from sgnet.records import Video


@dataclass(frozen=True)
class FrameTruth:
    """The N annotated objects of a frame that count: visible, no crowds, of the network's classes.

    Attributes:
        objects: what an oracle knows of them.
        category_ids: N of the annotations.
        masks: [N, height, width] bool at frame size, none empty.
        boxes_xyxy: [N, 4] tight around the masks, frame pixels.
        labels: [N] class index.
    """

    objects: tuple[TrueObject, ...]
    category_ids: tuple[int, ...]
    masks: Tensor
    boxes_xyxy: Tensor
    labels: Tensor

    @property
    def ids(self) -> list[int]:
        """Annotation id of each object."""
        return [item.id for item in self.objects]


def frame_truth(
    truth: YouTubeVIS,
    video_index: int,
    frame: int,
    labels: Mapping[int, int],
    device: torch.device,
) -> FrameTruth:
    """The objects of one frame.

    Args:
        truth: the annotations.
        video_index: of the video among them.
        frame: index in the video.
        labels: class index of each category id that the network knows.
        device: of the tensors.
    """
    video = truth.videos[video_index]
    kept = _counted(truth, video_index, frame, labels)
    masks = np.zeros((len(kept), video.height, video.width), dtype=np.uint8)
    for row, item in enumerate(kept):
        masks[row] = decode(item.rle)
    own_labels = [labels[item.category_id] for item in kept]
    return FrameTruth(
        objects=tuple(
            TrueObject(item.annotation_id, label, item.rle)
            for item, label in zip(kept, own_labels, strict=True)
        ),
        category_ids=tuple(item.category_id for item in kept),
        masks=torch.from_numpy(masks).bool().to(device),
        boxes_xyxy=mask_boxes_xyxy(masks).to(device),
        labels=torch.tensor(own_labels, dtype=torch.int64, device=device),
    )


def object_keys(
    truth: YouTubeVIS, videos: Sequence[Video], labels: Mapping[int, int]
) -> NDArray[np.int64]:
    """Video, frame, annotation and category [N, 4] of every object that counts.

    Args:
        truth: the annotations.
        videos: some of its videos.
        labels: class index of each category id that the network knows.
    """
    keys = [
        (video.id, frame, item.annotation_id, item.category_id)
        for video in videos
        for frame in range(video.length)
        for item in _counted(truth, truth.video_index(video.id), frame, labels)
    ]
    return np.array(keys, dtype=np.int64).reshape(-1, 4)


def _counted(
    truth: YouTubeVIS, video_index: int, frame: int, labels: Mapping[int, int]
) -> list[FrameObject]:
    return [
        item
        for item in truth.frame_objects(video_index, frame)
        if not item.iscrowd and item.category_id in labels and not is_background(item.rle)
    ]
