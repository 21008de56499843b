"""Videos to tracked instances, frame by frame; needs no torch.

Memory grows with live tracks and not with frames: what leaves is run lengths.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.track_results import TrackCollector
from sgnet.inference.sources import (
    Source,
    SourceFrame,
    newest_frames,
    open_source,
    overlapped,
    prefetched,
)
from sgnet.ops.frame_sizes import fit_size, fit_within, resize_frame
from sgnet.ops.mask_crops import encode_upsampled
from sgnet.ops.rle import decode, is_background
from sgnet.records import Category, FrameDetections, ResultTrack, Rle, TrackedInstance
from sgnet.tracking import MovementTracker


class FrameEngine(Protocol):
    """Runs a network over the frames of one video in order."""

    def reset(self) -> None:
        """Starts a new video."""
        ...

    def detect(self, image: NDArray[np.uint8]) -> FrameDetections:
        """Detections of the next frame [H, W, 3] RGB at the network's input size."""
        ...


@dataclass(frozen=True)
class FrameResult:
    """The N instances of one frame, by falling score, in pixels of the original frame.

    Attributes:
        frame: the frame itself.
        instances: with identity, class, score, box and mask.
        classes: category of each class index.
    """

    frame: SourceFrame
    instances: tuple[TrackedInstance, ...]
    classes: tuple[Category, ...]

    @property
    def track_ids(self) -> list[int]:
        """N identities, from 1, unique within the video."""
        return [instance.track_id for instance in self.instances]

    @property
    def categories(self) -> list[Category]:
        """N categories."""
        return [self.classes[instance.label] for instance in self.instances]

    @property
    def scores(self) -> NDArray[np.float32]:
        """[N] scores."""
        return np.array([instance.score for instance in self.instances], dtype=np.float32)

    @property
    def boxes_xyxy(self) -> NDArray[np.float32]:
        """[N, 4] boxes."""
        boxes = [instance.box_xyxy for instance in self.instances]
        return np.array(boxes, dtype=np.float32).reshape(-1, 4)

    @property
    def masks(self) -> list[Rle]:
        """N masks, run-length encoded."""
        return [instance.mask for instance in self.instances]

    @cached_property
    def dense_masks(self) -> NDArray[np.bool_]:
        """[N, height, width] masks."""
        dense = [decode(mask).astype(np.bool_) for mask in self.masks]
        return np.stack(dense) if dense else np.zeros((0, *self.frame.image.shape[:2]), np.bool_)


@dataclass(frozen=True)
class VideoResult:
    """A whole video.

    Attributes:
        frames: number of frames.
        size: (height, width) of the frames.
        tracks: one for each identity that was ever visible, by identity.
        classes: category of each class index.
    """

    frames: int
    size: tuple[int, int]
    tracks: tuple[ResultTrack, ...]
    classes: tuple[Category, ...]


class InstanceStreamer:
    """Frames in, tracked instances out; one pass of the network a frame.

    Args:
        engine: the network.
        tracker: its state belongs to this object.
        classes: category of each class index.
        input_size: (height, width) that frames are fitted into for the network, upright ones with
            its sides exchanged, see `sgnet.ops.frame_sizes.turned_to`.
        fixed_size: the engine takes exactly that size; frames of another shape are refused, those
            of the other orientation too.
        fill_up: with `fixed_size`, fit them into that size as it is instead and fill them up with
            black at the right and bottom. The network then sees another picture: group norm and
            what depends on it move, and frames of the other orientation become small.
    """

    def __init__(
        self,
        engine: FrameEngine,
        tracker: MovementTracker,
        classes: Sequence[Category],
        input_size: tuple[int, int],
        fixed_size: bool = False,
        fill_up: bool = False,
    ) -> None:
        self.fixed_size = fixed_size
        self.fill_up = fill_up
        self._turn: object = None
        self._lock = threading.Lock()  # around the tracker and whose turn it is
        self.engine = engine
        self.tracker = tracker
        self.classes = tuple(classes)
        self.input_size = input_size

    def stream(
        self, source: Source, ahead: int = 4, video_stream: int | None = None
    ) -> Generator[FrameResult, None, None]:
        """Results of a video as its frames come.

        Reading and the encoding of masks overlap with the network in threads of their own; the
        network runs in the caller's, where torch is fastest. Of a live source (camera, rtsp, ...)
        the newest frame is taken whenever the network is free, and others are dropped.

        Args:
            source: see `sgnet.inference.sources.open_source`.
            ahead: frames each step may be in front of the next; 0 works without threads.
            video_stream: number of a file's video stream, as ffprobe counts them; None takes the
                film.

        Raises:
            SourceError: where the source cannot be read on, after the results of all frames before.
            ValueError: another video was begun before this one ended, or a frame has a shape that
                the engine does not take.
        """
        opened = open_source(source, video_stream)
        turn = object()
        with self._lock:
            self._turn = turn
            self.reset()
        if opened.live:
            # one that is held ready would be old when it is taken
            frames = prefetched(self._prepared(newest_frames(opened)), 0)
            ahead = 0  # a result shall not wait for the next frame
        else:
            frames = prefetched(self._prepared(opened), ahead)
        check = partial(self._check_turn, turn, opened.name)

        def finish(found: tuple[SourceFrame, FrameDetections]) -> FrameResult:
            """A frame's result, unless another video has the tracker."""
            with self._lock:
                check()
                track_ids = self.tracker.update(found[1])
            return self._result(*found, track_ids)

        detected = self._detected(frames, check)
        with closing(frames), closing(overlapped(detected, finish, ahead)) as results:
            yield from results

    def __getstate__(self) -> dict[str, object]:
        """For copies and other processes, which begin without a video."""
        return {name: v for name, v in vars(self).items() if name not in ("_lock", "_turn")}

    def __setstate__(self, state: dict[str, object]) -> None:
        """With a lock of its own."""
        vars(self).update(state)
        self._turn = None
        self._lock = threading.Lock()
        self.reset()

    def _check_turn(self, turn: object, name: str) -> None:
        if self._turn is not turn:
            raise ValueError(
                f"{name}: another video was begun with this predictor; expected one at a time"
            )

    def predict(self, source: Source, video_stream: int | None = None) -> VideoResult:
        """Tracks of a whole video.

        Args:
            source: see `sgnet.inference.sources.open_source`.
            video_stream: see `stream`.

        Raises:
            SourceError: the source cannot be read to its end; use `stream` to keep what came.
        """
        collector = TrackCollector(0, None, [category.id for category in self.classes])
        count, size = 0, (0, 0)
        for result in self.stream(source, video_stream=video_stream):
            collector.add(result.frame.index, result.instances)
            size = (result.frame.image.shape[0], result.frame.image.shape[1])
            count += 1
        return VideoResult(count, size, tuple(collector.results()), self.classes)

    def reset(self) -> None:
        """Starts a new video."""
        self.engine.reset()
        self.tracker.reset()

    def finish(self, frame: SourceFrame, detections: FrameDetections) -> FrameResult:
        """Identities, and masks in the original frame, of one frame's detections."""
        return self._result(frame, detections, self.tracker.update(detections))

    def _result(
        self, frame: SourceFrame, detections: FrameDetections, track_ids: Sequence[int]
    ) -> FrameResult:
        size = (frame.image.shape[0], frame.image.shape[1])
        instances = tracked_instances(detections, track_ids, size)
        return FrameResult(frame, tuple(instances), self.classes)

    def _prepared(
        self, frames: Iterable[SourceFrame]
    ) -> Iterator[tuple[SourceFrame, NDArray[np.uint8]]]:
        for frame in frames:
            fit = fit_within if self.fixed_size else fit_size
            size = fit((frame.image.shape[0], frame.image.shape[1]), self.input_size)
            yield frame, resize_frame(frame.image, size)

    def _detected(
        self,
        frames: Iterator[tuple[SourceFrame, NDArray[np.uint8]]],
        check: Callable[[], None],
    ) -> Iterator[tuple[SourceFrame, FrameDetections]]:
        for frame, image in frames:
            check()
            if not self.fixed_size or image.shape[:2] == self.input_size:
                yield frame, self.engine.detect(image)
                continue
            if not self.fill_up:
                raise ValueError(_other_shape(frame, self.input_size))
            found = self.engine.detect(filled_up(image, self.input_size))
            yield frame, restricted(found, (image.shape[0], image.shape[1]))


def _other_shape(frame: SourceFrame, expected: tuple[int, int]) -> str:
    original = (frame.image.shape[0], frame.image.shape[1])
    height, width = fit_size(original, expected)
    return (
        f"frame {frame.index}: the exported model takes {expected[0]} x {expected[1]} pixels "
        f"(height x width), got {original[0]} x {original[1]}, which fit as {height} x {width}; "
        f"export with input_size=[{height},{width}], or set fill_up to fit them into "
        f"{expected[0]} x {expected[1]} and fill up with black, which moves the results"
    )


def filled_up(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The image with black at the right and bottom up to (height, width), as in training."""
    below, beside = (most - side for most, side in zip(size, image.shape, strict=False))
    return np.pad(image, ((0, below), (0, beside), (0, 0)))


def tracked_instances(
    detections: FrameDetections, track_ids: Sequence[int], size: tuple[int, int]
) -> list[TrackedInstance]:
    """Instances of one frame in original pixels.

    Args:
        detections: of N instances; none is fine.
        track_ids: of the same instances.
        size: (height, width) of the original frame.
    """
    masks = encode_upsampled(detections.masks, detections.mask_size, size)
    height, width = detections.input_size
    scale = np.array([size[1] / width, size[0] / height] * 2, dtype=np.float32)
    boxes = (detections.boxes_xyxy * scale).tolist()
    return [
        TrackedInstance(track_id, label, score, (b[0], b[1], b[2], b[3]), mask, is_background(mask))
        for track_id, label, score, b, mask in zip(
            track_ids,
            detections.labels.tolist(),
            detections.scores.tolist(),
            boxes,
            masks,
            strict=True,
        )
    ]


def restricted(detections: FrameDetections, size: tuple[int, int]) -> FrameDetections:
    """Detections in the upper left part of the input, which the frame filled.

    Args:
        detections: of the whole input.
        size: (height, width) of the part, multiples of 8.
    """
    height, width = (
        side * base // whole
        for side, base, whole in zip(size, detections.mask_size, detections.input_size, strict=True)
    )
    limits = np.array([size[1], size[0]] * 2, dtype=np.float32)
    boxes = np.minimum(detections.boxes_xyxy, limits)
    seen = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    crops = [detections.masks[index] for index in seen]
    return FrameDetections(
        boxes_xyxy=boxes[seen],
        scores=detections.scores[seen],
        labels=detections.labels[seen],
        locations=detections.locations[seen],
        movements=detections.movements[seen],
        masks=tuple(
            replace(
                crop,
                probabilities=crop.probabilities[
                    : max(0, height - crop.top), : max(0, width - crop.left)
                ],
            )
            for crop in crops
        ),
        mask_size=(height, width),
        input_size=size,
    )
