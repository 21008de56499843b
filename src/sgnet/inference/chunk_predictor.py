"""Frames of a video to tracked instances, several at a time: validation and the reference path."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sgnet.data.clips.frames import SIZE_DIVISOR
from sgnet.evaluation.track_results import TrackCollector
from sgnet.models import SGNet
from sgnet.ops.rle import encode_batch
from sgnet.postprocess import DetectionDecoder, binary_masks
from sgnet.records import ResultTrack, TrackedInstance
from sgnet.structures import DenseOutputs, Detections, VideoChunk
from sgnet.tracking import MovementTracker


class ChunkPredictor:
    """Runs the network over a video in frame order; one backbone pass a frame.

    The features of the last frame stay as the next one's reference. Memory grows with live tracks
    and not with frames seen.

    Args:
        model: the network.
        decoder: dense outputs to detections.
        tracker: its state belongs to this predictor.
    """

    def __init__(self, model: SGNet, decoder: DetectionDecoder, tracker: MovementTracker) -> None:
        self.model = model
        self.decoder = decoder
        self.tracker = tracker
        self._previous: tuple[Tensor, ...] | None = None

    def reset(self) -> None:
        """Starts a new video."""
        self._previous = None
        self.tracker.reset()

    @torch.no_grad()
    def track(self, images: Tensor, original_size: tuple[int, int]) -> list[list[TrackedInstance]]:
        """Continues the video by T frames.

        Args:
            images: [T, 3, H, W] RGB 0..255 at network input size, on the model's device.
            original_size: (height, width) that boxes and masks are returned in.

        Returns:
            T lists of instances, by falling score.

        Raises:
            ValueError: height or width is no multiple of 8, so that base masks would not fit.
        """
        if images.shape[-2] % SIZE_DIVISOR or images.shape[-1] % SIZE_DIVISOR:
            raise ValueError(
                f"images must have sides that are multiples of {SIZE_DIVISOR}, "
                f"got {images.shape[-2]} x {images.shape[-1]}"
            )
        outputs: DenseOutputs = self.model(images, self._previous)
        self._previous = tuple(level[-1:] for level in outputs.tracking_features)
        size = (images.shape[-2], images.shape[-1])
        frames = self.decoder(outputs, size)
        return [
            self.instances(outputs, index, detections, size, original_size)
            for index, detections in enumerate(frames)
        ]

    def instances(
        self,
        outputs: DenseOutputs,
        frame: int,
        detections: Detections,
        size: tuple[int, int],
        original_size: tuple[int, int],
    ) -> list[TrackedInstance]:
        """Continues the video by one frame that the network has seen.

        Args:
            outputs: of the frame's chunk.
            frame: index in the chunk.
            detections: of the frame.
            size: (height, width) of the network's input.
            original_size: (height, width) that boxes and masks are returned in.
        """
        track_ids = self.tracker.update(detections)
        masks = frame_masks(self.model, outputs, frame, detections, original_size)
        scale = detections.boxes_xyxy.new_tensor(
            [original_size[1] / size[1], original_size[0] / size[0]]
        ).repeat(2)
        boxes = (detections.boxes_xyxy * scale).tolist()
        filled = masks.flatten(1).any(dim=1).tolist()
        rows = zip(
            track_ids,
            detections.labels.tolist(),
            detections.scores.tolist(),
            boxes,
            encode_batch(masks.cpu().numpy()),
            filled,
            strict=True,
        )
        return [
            TrackedInstance(track_id, label, score, (b[0], b[1], b[2], b[3]), rle, not has_pixels)
            for track_id, label, score, b, rle, has_pixels in rows
        ]


class ChunkTracker:
    """Turns chunks of videos, in order, into the tracks of each video as it ends.

    Args:
        predictor: runs the frames; it is reset at each video's first frame.
        category_ids: category id of each class index.

    Attributes:
        finished: ids of the videos that ran to their end.
    """

    def __init__(self, predictor: ChunkPredictor, category_ids: Sequence[int]) -> None:
        self._predictor = predictor
        self._category_ids = category_ids
        self._collector: TrackCollector | None = None
        self._next: tuple[int, int] | None = None
        self.finished: set[int] = set()

    def add(self, chunk: VideoChunk) -> list[ResultTrack]:
        """Tracks the next frames.

        Args:
            chunk: on the model's device.

        Returns:
            The video's tracks where it ends with this chunk, else [].

        Raises:
            ValueError: a video does not start at frame 0, or goes on elsewhere.
        """
        if chunk.first_frame == 0:
            self._predictor.reset()
            self._collector = TrackCollector(chunk.video_id, chunk.video_length, self._category_ids)
            self._next = (chunk.video_id, 0)
        if self._collector is None or self._next != (chunk.video_id, chunk.first_frame):
            raise ValueError(
                f"video {chunk.video_id}: chunks must start at frame 0 and follow each other, "
                f"expected (video, frame) {self._next}, got {(chunk.video_id, chunk.first_frame)}"
            )
        frames = self._predictor.track(chunk.images, chunk.original_size)
        for index, instances in enumerate(frames, start=chunk.first_frame):
            self._collector.add(index, instances)
        self._next = (chunk.video_id, chunk.first_frame + len(frames))
        if chunk.first_frame + len(frames) < chunk.video_length:
            return []
        self.finished.add(chunk.video_id)
        return self._collector.results()


def frame_masks(
    model: SGNet,
    outputs: DenseOutputs,
    frame: int,
    detections: Detections,
    original_size: tuple[int, int],
) -> Tensor:
    """Masks [N, height, width] bool of one frame's detections in the original size."""
    blended = model.mask_head.instance_masks(
        outputs.only(frame),
        torch.zeros_like(detections.labels),
        detections.location_indices,
        detections.boxes_xyxy,
    )
    return binary_masks(blended, outputs.mask_size, original_size)
