"""The networks of the benchmark, each from a decoded frame to what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.detection import fcos_resnet50_fpn, maskrcnn_resnet50_fpn

from sgnet.benchmark.forced import ForcedBoxes, ForcedDecoder, force_mask_rcnn
from sgnet.benchmark.forced_step import ForcedOnnxEngine
from sgnet.frame_engine import TorchFrameEngine
from sgnet.models import DetectionHead, MaskHead, ResNetFPN, SGNet, TrackingHead
from sgnet.ops.mask_crops import MaskCrop, encode_crops
from sgnet.postprocess import DetectionDecoder
from sgnet.records import FrameDetections
from sgnet.streaming import tracked_instances
from sgnet.tracking import MovementTracker

Image = NDArray[np.uint8]
NUM_CLASSES = 40  # YouTube-VIS


@dataclass(frozen=True)
class Running:
    """How a torch network runs.

    Attributes:
        dtype: of weights and features; rivals compute in it by autocast.
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
    """

    network: nn.Module | None
    num_parameters: int

    def force(self, forced: ForcedBoxes) -> None:
        """Sets the detections of the frames to come."""
        ...

    def detect(self, image: Image) -> Any:  # noqa: ANN401 - each its own
        """A frame [H, W, 3] RGB to detections with masks and identities, before run lengths."""
        ...

    def encode(self, found: Any, image: Image) -> Sequence[object]:  # noqa: ANN401
        """What `detect` gave to run lengths; boxes where there are no masks."""
        ...


class _Trackers:
    """A tracker for each number of detections, so that all live in a video of their own."""

    def __init__(self) -> None:
        self._trackers: dict[int, MovementTracker] = {}

    def of(self, forced: ForcedBoxes) -> MovementTracker:
        return self._trackers.setdefault(len(forced.labels), MovementTracker())


class Ours:
    """This package's predictor on torch.

    Args:
        model: trained or not.
        device: where it runs.
        running: how; its layout is always channels-last.
    """

    def __init__(self, model: SGNet, device: str, running: Running = EXACT) -> None:
        self.engine = TorchFrameEngine(
            model, DetectionDecoder(), device, running.dtype, running.compiled
        )
        self.network: nn.Module | None = self.engine.network
        self.num_parameters = _num_parameters(model)
        self._trackers = _Trackers()

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
        self._trackers = _Trackers()

    def force(self, forced: ForcedBoxes) -> None:
        """Sets the detections of the frames to come."""
        self.engine.forced = forced  # type: ignore[attr-defined]
        self._tracker = self._trackers.of(forced)


class MaskRCNN:
    """Torchvision's Mask R-CNN with the same tracker; movements are zero, it predicts none.

    Args:
        size: (height, width) of the frames.
        device: where it runs.
        running: how.
    """

    def __init__(self, size: tuple[int, int], device: str, running: Running = EXACT) -> None:
        torch.manual_seed(0)
        self.network: Any = _placed(
            maskrcnn_resnet50_fpn(
                weights=None,
                weights_backbone=None,
                num_classes=NUM_CLASSES + 1,
                min_size=size[0],
                max_size=size[1],
                box_detections_per_img=200,
            ),
            device,
            running,
        )
        self.num_parameters = _num_parameters(self.network)
        self._device, self._dtype = torch.device(device), running.dtype
        self._trackers = _Trackers()

    def force(self, forced: ForcedBoxes) -> None:
        """Sets the detections of the frames to come."""
        force_mask_rcnn(self.network, forced)
        self._tracker = self._trackers.of(forced)

    @torch.inference_mode()
    def detect(self, image: Image) -> Any:  # noqa: ANN401 - torchvision's dictionary
        """Detections and identities."""
        with _precision(self._device, self._dtype):
            found: dict[str, Tensor] = self.network([_tensor(image, self._device)])[0]
        self._tracker.update(_Trackable(found["boxes"], found["labels"]))
        return found

    def encode(self, found: Any, image: Image) -> Sequence[object]:  # noqa: ANN401
        """Run lengths of the masks."""
        boxes = found["boxes"].cpu().numpy()
        masks = (found["masks"][:, 0] > 0.5).cpu().numpy()
        return encode_crops(_box_crops(masks, boxes), image.shape[0], image.shape[1])


class FCOS:
    """Torchvision's FCOS: boxes only, the floor for a network with its head.

    Args:
        size: (height, width) of the frames.
        device: where it runs.
        running: how.
    """

    def __init__(self, size: tuple[int, int], device: str, running: Running = EXACT) -> None:
        torch.manual_seed(0)
        self.network: Any = _placed(
            fcos_resnet50_fpn(
                weights=None,
                weights_backbone=None,
                num_classes=NUM_CLASSES,
                min_size=size[0],
                max_size=size[1],
            ),
            device,
            running,
        )
        self.num_parameters = _num_parameters(self.network)
        self._device, self._dtype = torch.device(device), running.dtype

    def force(self, forced: ForcedBoxes) -> None:
        """Its boxes are its own."""

    @torch.inference_mode()
    def detect(self, image: Image) -> Any:  # noqa: ANN401 - torchvision's dictionary
        """Boxes."""
        with _precision(self._device, self._dtype):
            return self.network([_tensor(image, self._device)])[0]

    def encode(self, found: Any, image: Image) -> Sequence[object]:  # noqa: ANN401
        """The boxes."""
        return list(found["boxes"])


class YoloSeg:
    """Ultralytics' one-stage segmenter.

    Random weights find nothing, so masks and run lengths cost it nothing here: its entry is the
    network alone.

    Args:
        device: where it runs.
        running: how.
        architecture: ultralytics' name.

    Raises:
        ImportError: ultralytics is not installed.
    """

    def __init__(
        self, device: str, running: Running = EXACT, architecture: str = "yolo11m-seg.yaml"
    ) -> None:
        from ultralytics import YOLO

        self._device, self._dtype = torch.device(device), running.dtype
        network = YOLO(architecture).model.to(device).eval().fuse(verbose=False)
        self.network: Any = network.to(memory_format=_layout(running))
        self.num_parameters = _num_parameters(self.network)

    def force(self, forced: ForcedBoxes) -> None:
        """Its detections are its own."""

    @torch.inference_mode()
    def detect(self, image: Image) -> Any:  # noqa: ANN401 - ultralytics' tuple
        """Raw outputs of the frame filled up to its stride of 32."""
        below = -image.shape[0] % 32
        padded = np.pad(image, ((0, below), (0, 0), (0, 0)))
        pixels = _tensor(padded, self._device)[None]
        with _precision(self._device, self._dtype):
            return self.network(pixels.contiguous(memory_format=torch.channels_last))

    def encode(self, found: Any, image: Image) -> Sequence[object]:  # noqa: ANN401
        """Nothing."""
        return []


def our_model(depth: int) -> SGNet:
    """The paper's network with random weights."""
    torch.manual_seed(0)
    return SGNet(
        ResNetFPN(depth, 256, "frozen_batch"),
        DetectionHead(256, NUM_CLASSES),
        MaskHead(256),
        TrackingHead(256),
    ).eval()


@dataclass(frozen=True)
class _Trackable:
    """Detections without movements, as `MovementTracker` reads them."""

    boxes_xyxy: Tensor
    labels: Tensor

    @property
    def movements(self) -> Tensor:
        return torch.zeros_like(self.boxes_xyxy[:, :2])

    @property
    def locations(self) -> Tensor:
        return (self.boxes_xyxy[:, :2] + self.boxes_xyxy[:, 2:]) / 2


def _placed(model: Any, device: str, running: Running) -> Any:  # noqa: ANN401
    model.transform.size_divisible = 8  # as ours; its own 32 would add rows
    model = model.eval().requires_grad_(False).to(device).to(memory_format=_layout(running))
    if running.compiled:
        model.backbone = torch.compile(model.backbone)
    return model


def _num_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _layout(running: Running) -> torch.memory_format:
    return torch.channels_last if running.channels_last else torch.contiguous_format


def _precision(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[Any]:
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)


def _tensor(image: Image, device: torch.device) -> Tensor:
    """[3, H, W] in 0..1."""
    return torch.from_numpy(image).to(device).permute(2, 0, 1).float() / 255


def _box_crops(masks: NDArray[np.bool_], boxes: NDArray[np.float32]) -> list[MaskCrop]:
    """Full-size masks cut to the boxes they were pasted into, one pixel around."""
    height, width = masks.shape[1:]
    low = np.maximum(np.floor(boxes[:, :2]).astype(int) - 1, 0)
    high = np.minimum(np.ceil(boxes[:, 2:]).astype(int) + 1, [width, height])
    return [
        MaskCrop(int(y1), int(x1), mask[y1:y2, x1:x2])
        for mask, (x1, y1), (x2, y2) in zip(masks, low, high, strict=True)
    ]
