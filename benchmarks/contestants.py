"""What a network of the benchmark has to do, and ours: a decoded frame to run lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.forced import ForcedBoxes, ForcedDecoder
from benchmarks.forced_step import ForcedOnnxEngine
from sgnet.inference.frame_engine import TorchFrameEngine
from sgnet.inference.streaming import tracked_instances
from sgnet.models import DetectionHead, MaskHead, ResNetFPN, SGNet, TrackingHead
from sgnet.postprocess import DetectionDecoder
from sgnet.records import FrameDetections
from sgnet.tracking import MovementTracker

Image = NDArray[np.uint8]
NUM_CLASSES = 40  # YouTube-VIS


@dataclass(frozen=True)
class Running:
    """How a torch network runs.

    Attributes:
        dtype: of weights, stored so, and features.
        channels_last: memory layout.
        compiled: through torch.compile; of rivals the backbone, the rest depends on the frame.
    """

    dtype: torch.dtype = torch.float32
    channels_last: bool = True
    compiled: bool = False

    @property
    def name(self) -> str:
        """For tables."""
        parts = [str(self.dtype).removeprefix("torch.")]
        parts += ["channels-last"] if self.channels_last else ["contiguous"]
        return ", ".join([*parts, "compiled"] if self.compiled else parts)


EXACT = Running()


class Contestant(Protocol):
    """One network; its number of detections is set from outside.

    Attributes:
        network: for its multiply-adds; None where it is no torch module.
        num_parameters: of the network as it is trained.
        before_encoding: what `detect` has arrived at, for tables; they stop at different points.
    """

    network: nn.Module | None
    num_parameters: int
    before_encoding: str

    def force(self, forced: ForcedBoxes) -> None:
        """Sets the detections of the frames to come."""
        ...

    def detect(self, image: Image) -> Any:  # noqa: ANN401 - each its own
        """A frame [H, W, 3] RGB to detections with masks and identities, before run lengths."""
        ...

    def encode(self, found: Any, image: Image) -> Sequence[object]:  # noqa: ANN401
        """What `detect` gave to run lengths; boxes where there are no masks."""
        ...


Builder = Callable[[], Contestant]


class Trackers:
    """A tracker for each number of detections, so that all live in a video of their own."""

    def __init__(self) -> None:
        self._trackers: dict[int, MovementTracker] = {}

    def of(self, forced: ForcedBoxes) -> MovementTracker:
        """The tracker of the video with so many detections."""
        return self._trackers.setdefault(len(forced.labels), MovementTracker())


class Ours:
    """This package's predictor on torch.

    Args:
        model: trained or not.
        device: where it runs.
        running: how; its layout is always channels-last.
    """

    before_encoding = "masks at stride 2"

    def __init__(self, model: SGNet, device: str, running: Running = EXACT) -> None:
        self.engine = TorchFrameEngine(
            model, DetectionDecoder(), device, running.dtype, running.compiled
        )
        self.network: nn.Module | None = self.engine.network
        self.num_parameters = num_parameters_of(model)
        self._trackers = Trackers()

    def force(self, forced: ForcedBoxes) -> None:
        """Sets the detections of the frames to come."""
        self.engine.decoder = ForcedDecoder(DetectionDecoder(), forced)
        self._tracker = self._trackers.of(forced)

    def detect(self, image: Image) -> Any:  # noqa: ANN401
        """Detections and identities."""
        detections = self.engine.detect(image)
        return detections, self.identities(detections)

    def identities(self, detections: FrameDetections) -> list[int]:
        """Of the next frame's detections."""
        return self._tracker.update(detections)

    def encode(self, found: Any, image: Image) -> Sequence[object]:  # noqa: ANN401
        """Instances with run lengths."""
        detections, track_ids = found
        return tracked_instances(detections, track_ids, (image.shape[0], image.shape[1]))


class OursOnnx(Ours):
    """This package's predictor on onnxruntime.

    Args:
        engine: of an exported step that takes forced detections.
    """

    def __init__(self, engine: ForcedOnnxEngine) -> None:
        self.engine = engine  # type: ignore[assignment]
        self.network = None
        self.num_parameters = 0
        self._trackers = Trackers()

    def force(self, forced: ForcedBoxes) -> None:
        """Sets the detections of the frames to come."""
        self.engine.forced = forced  # type: ignore[attr-defined]
        self._tracker = self._trackers.of(forced)


def our_model(depth: int) -> SGNet:
    """The paper's network with random weights."""
    torch.manual_seed(0)
    return SGNet(
        ResNetFPN(depth, 256, "frozen_batch"),
        DetectionHead(256, NUM_CLASSES),
        MaskHead(256),
        TrackingHead(256),
    ).eval()


def num_parameters_of(network: nn.Module) -> int:
    """All weights of a network."""
    return sum(parameter.numel() for parameter in network.parameters())
