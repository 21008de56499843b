"""Frames of a video to tracked instances, and checkpoints that load alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sgnet.data.frames import SIZE_DIVISOR
from sgnet.evaluation.track_results import TrackCollector
from sgnet.models import DetectionHead, MaskHead, ResNetFPN, SGNet, TrackingHead
from sgnet.ops.rle import encode_batch
from sgnet.postprocess import DetectionDecoder, binary_masks
from sgnet.structures import (
    Category,
    DenseOutputs,
    Detections,
    ResultTrack,
    TrackedInstance,
    VideoChunk,
)
from sgnet.tracking import MovementTracker

CHECKPOINT_KEY = "sgnet"
CHECKPOINT_FORMAT = 1
# all that a checkpoint may name; it can never run anything else
COMPONENTS: dict[str, Callable[..., Any]] = {
    part.__name__: part
    for part in (
        SGNet,
        ResNetFPN,
        DetectionHead,
        MaskHead,
        TrackingHead,
        DetectionDecoder,
        MovementTracker,
    )
}


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A trained system, ready to run.

    Attributes:
        model: in evaluation mode, on the CPU.
        decoder: dense outputs to detections.
        tracker: fresh.
        categories: by class index.
        input_size: (height, width) the network was trained at.
    """

    model: SGNet
    decoder: DetectionDecoder
    tracker: MovementTracker
    categories: tuple[Category, ...]
    input_size: tuple[int, int]


class VideoPredictor:
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
            self._instances(outputs, index, detections, size, original_size)
            for index, detections in enumerate(frames)
        ]

    def _instances(
        self,
        outputs: DenseOutputs,
        frame: int,
        detections: Detections,
        size: tuple[int, int],
        original_size: tuple[int, int],
    ) -> list[TrackedInstance]:
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

    def __init__(self, predictor: VideoPredictor, category_ids: Sequence[int]) -> None:
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
    base_masks = outputs.base_masks[frame : frame + 1]
    blended = model.mask_head.blender(
        base_masks,
        torch.zeros_like(detections.labels),
        detections.coefficients,
        detections.boxes_xyxy,
        outputs.mask_stride,
    )
    return binary_masks(blended, (base_masks.shape[-2], base_masks.shape[-1]), original_size)


def build_component(config: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any of COMPONENTS
    """Builds a component from a nested mapping with `_target_` names, without Hydra.

    Args:
        config: as in conf/model; only the classes in COMPONENTS may be named.

    Raises:
        ValueError: a name that is not allowed.
    """
    target = str(config.get("_target_"))
    package, _, name = target.rpartition(".")
    if name not in COMPONENTS or package.split(".")[0] != "sgnet":
        raise ValueError(
            f"checkpoint component must be one of {sorted(COMPONENTS)} of sgnet, got {target!r}"
        )
    arguments = {
        key: build_component(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key != "_target_"
    }
    return COMPONENTS[name](**arguments)


def load_checkpoint(
    path: str | Path,
    decoder: Mapping[str, Any] | None = None,
    tracker: Mapping[str, Any] | None = None,
) -> LoadedCheckpoint:
    """Loads a training checkpoint: architecture, weights, categories and input size.

    Only tensors and plain values are read from the file; no pickled object is ever run.

    Args:
        path: written by training.
        decoder: settings of the decoder that replace the stored ones.
        tracker: settings of the tracker that replace the stored ones.

    Raises:
        ValueError: missing file, not one of our checkpoints, or a newer format.
    """
    content = read_tensors(Path(path))
    if CHECKPOINT_KEY not in content:
        raise ValueError(f"{path}: expected an entry {CHECKPOINT_KEY!r}; not written by train.py")
    description = content[CHECKPOINT_KEY]
    try:
        if description["format"] != CHECKPOINT_FORMAT:
            raise ValueError(f"format must be {CHECKPOINT_FORMAT}, got {description['format']}")
        model: SGNet = build_component(without_pretraining(description["model"]))
        prefix = "model."
        weights = content["state_dict"].items()
        model.load_state_dict({k[len(prefix) :]: v for k, v in weights if k.startswith(prefix)})
        height, width = description["input_size"]
        return LoadedCheckpoint(
            model=model.eval(),
            decoder=build_component({**description["decoder"], **(decoder or {})}),
            tracker=build_component({**description["tracker"], **(tracker or {})}),
            categories=tuple(Category(c["id"], c["name"]) for c in description["categories"]),
            input_size=(height, width),
        )
    except KeyError as error:
        raise ValueError(f"{path}: checkpoint must have an entry {error}, got none") from error
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: checkpoint cannot be used: {error}") from error


def read_tensors(path: Path) -> dict[str, Any]:
    """A file of tensors and plain values; nothing else in it is ever unpickled.

    Args:
        path: written by torch.save.

    Raises:
        ValueError: missing file, or anything else in it.
    """
    if not path.is_file():
        raise ValueError(f"{path}: checkpoint not found; expected a file written by train.py")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path}: not a readable checkpoint; expected tensors and plain values only"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a mapping of names, got {type(content).__name__}")
    return content


def without_pretraining(model_config: Mapping[str, Any]) -> dict[str, Any]:
    """The model's config with no ImageNet weights to fetch; a checkpoint brings its own."""
    return {**model_config, "backbone": {**model_config["backbone"], "weights": None}}
