"""Frozen dataclasses without tensors that cross layers; they need no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]


@dataclass(frozen=True)
class Rle:
    """A run-length encoded binary mask in COCO's compressed form.

    Attributes:
        height: rows of the mask.
        width: columns of the mask.
        counts: COCO's compressed run lengths, column-major, first run is background.
    """

    height: int
    width: int
    counts: bytes


@dataclass(frozen=True)
class Category:
    """An object category as the annotation file declares it."""

    id: int
    name: str


@dataclass(frozen=True)
class Video:
    """A video of a YouTube-VIS file; sizes in pixels of the original frames.

    Attributes:
        file_names: one path per frame, relative to the image folder, or empty where the file
            declares none (scoring needs no images).
    """

    id: int
    width: int
    height: int
    length: int
    file_names: tuple[str, ...]


@dataclass(frozen=True)
class AnnotatedTrack:
    """One annotated object over a video: a list entry per frame, None where it is absent.

    Attributes:
        boxes_xywh: x, y, width, height in original pixels.
        areas: mask areas in pixels as the file gives them.
        iscrowd: crowds are matched many times and never count as missed.
    """

    id: int
    video_id: int
    category_id: int
    iscrowd: bool
    segmentations: tuple[Rle | None, ...]
    boxes_xywh: tuple[tuple[float, float, float, float] | None, ...]
    areas: tuple[float | None, ...]


@dataclass(frozen=True)
class ResultTrack:
    """One predicted track of a results file; masks in original pixels, None where absent."""

    video_id: int
    category_id: int
    score: float
    segmentations: tuple[Rle | None, ...]


@dataclass(frozen=True)
class TrackedInstance:
    """One instance of one frame with its identity, in original pixels.

    Attributes:
        track_id: identity, from 1, unique within a video.
        label: class index of this frame's detection.
        score: score of this frame's detection.
        box_xyxy: original pixels.
        mask: original size.
        is_empty: True where no pixel of the mask was kept.
    """

    track_id: int
    label: int
    score: float
    box_xyxy: tuple[float, float, float, float]
    mask: Rle
    is_empty: bool


@dataclass(frozen=True)
class BaseCrop:
    """An instance's mask probabilities inside its box, at the masks' resolution.

    Attributes:
        top: row of the crop's first row in the mask map of the frame.
        left: column of its first column.
        probabilities: [h, w]; h or w may be 0.
    """

    top: int
    left: int
    probabilities: Float32Array


@dataclass(frozen=True)
class FrameDetections:
    """The N instances of one frame before they have identities; arrays on the CPU.

    Attributes:
        boxes_xyxy: [N, 4] pixels of the network's input.
        scores: [N] falling.
        labels: [N] class index.
        locations: [N, 2] centerness location of each, input pixels.
        movements: [N, 2] displacement since the frame before, input pixels.
        masks: N crops.
        mask_size: (h, w) of a mask that covers the whole input.
        input_size: (height, width) of the network's input.
    """

    boxes_xyxy: Float32Array
    scores: Float32Array
    labels: NDArray[np.int64]
    locations: Float32Array
    movements: Float32Array
    masks: tuple[BaseCrop, ...]
    mask_size: tuple[int, int]
    input_size: tuple[int, int]
