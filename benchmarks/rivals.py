"""The networks that ours is compared with, each from a decoded frame to what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection import fcos_resnet50_fpn, maskrcnn_resnet50_fpn

from benchmarks.contestants import (
    EXACT,
    NUM_CLASSES,
    Image,
    Running,
    Trackers,
    num_parameters_of,
)
from benchmarks.forced import ForcedBoxes, force_mask_rcnn
from benchmarks.lower_precision import lower_fcos, lower_mask_rcnn
from sgnet.ops.mask_crops import MaskCrop, encode_crops


class _Torchvision:
    """One of torchvision's detectors with random weights.

    Args:
        make: torchvision's builder.
        lower: stores the builder's weights in a lower precision, see `lower_precision`.
        size: (height, width) of the frames.
        device: where it runs.
        running: how.
        **settings: of the builder.
    """

    def __init__(
        self,
        make: Callable[..., Any],
        lower: Callable[[Any, torch.dtype], None],
        size: tuple[int, int],
        device: str,
        running: Running,
        **settings: int,
    ) -> None:
        torch.manual_seed(0)
        network = make(
            weights=None,
            weights_backbone=None,
            min_size=size[0],
            max_size=size[1],
            **settings,
        )
        network.transform.size_divisible = 8  # as ours; its own 32 would add rows
        self.num_parameters = num_parameters_of(network)
        self._device = torch.device(device)
        network.eval().requires_grad_(False).to(device).to(memory_format=_layout(running))
        if running.dtype != torch.float32:
            lower(network, running.dtype)
        if running.compiled:
            network.backbone = torch.compile(network.backbone)
        self.network: Any = network

    @torch.inference_mode()
    def _found(self, image: Image) -> dict[str, Tensor]:
        """Torchvision's dictionary of the frame's N instances."""
        found: dict[str, Tensor] = self.network([_tensor(image, self._device)])[0]
        return found


class MaskRCNN(_Torchvision):
    """Torchvision's Mask R-CNN with the same tracker; movements are zero, it predicts none.

    Args:
        size: (height, width) of the frames.
        device: where it runs.
        running: how.
    """

    before_encoding = "full-size masks"

    def __init__(self, size: tuple[int, int], device: str, running: Running = EXACT) -> None:
        super().__init__(
            maskrcnn_resnet50_fpn,
            lower_mask_rcnn,
            size,
            device,
            running,
            num_classes=NUM_CLASSES + 1,
            box_detections_per_img=200,
        )
        self._trackers = Trackers()

    def force(self, forced: ForcedBoxes) -> None:
        """Sets the detections of the frames to come."""
        force_mask_rcnn(self.network, forced)
        self._tracker = self._trackers.of(forced)

    def detect(self, image: Image) -> Any:  # noqa: ANN401 - torchvision's dictionary
        """Detections and identities."""
        found = self._found(image)
        self._tracker.update(_Scored(found["boxes"], found["labels"], found["scores"]))
        return found

    def encode(self, found: Any, image: Image) -> Sequence[object]:  # noqa: ANN401
        """Run lengths of the masks."""
        boxes = found["boxes"].cpu().numpy()
        masks = (found["masks"][:, 0] > 0.5).cpu().numpy()
        return encode_crops(_box_crops(masks, boxes), image.shape[0], image.shape[1])


class FCOS(_Torchvision):
    """Torchvision's FCOS: boxes only, the floor for a network with its head.

    Args:
        size: (height, width) of the frames.
        device: where it runs.
        running: how.
    """

    before_encoding = "boxes"

    def __init__(self, size: tuple[int, int], device: str, running: Running = EXACT) -> None:
        super().__init__(
            fcos_resnet50_fpn, lower_fcos, size, device, running, num_classes=NUM_CLASSES
        )

    def force(self, forced: ForcedBoxes) -> None:
        """Its boxes are its own."""

    def detect(self, image: Image) -> Any:  # noqa: ANN401 - torchvision's dictionary
        """Boxes."""
        return self._found(image)

    def encode(self, found: Any, image: Image) -> Sequence[object]:  # noqa: ANN401
        """The boxes."""
        return list(found["boxes"])


class YoloSeg:
    """Ultralytics' one-stage segmenter.

    Random weights find nothing, so masks and run lengths cost it nothing here: its entry is the
    network alone.

    Args:
        size: (height, width) of the frames.
        device: where it runs.
        running: how; compiled as a whole.
        architecture: ultralytics' name.

    Raises:
        ImportError: ultralytics is not installed.
    """

    before_encoding = "raw outputs"

    def __init__(
        self,
        size: tuple[int, int],
        device: str,
        running: Running = EXACT,
        architecture: str = "yolo11m-seg.yaml",
    ) -> None:
        from ultralytics import YOLO

        torch.manual_seed(0)
        self._device, self._running = torch.device(device), running
        network = YOLO(architecture).model.to(device).eval().fuse(verbose=False)
        network.requires_grad_(False).to(running.dtype).to(memory_format=_layout(running))
        self.num_parameters = num_parameters_of(network)
        self.network: Any = network
        if running.compiled:
            # its anchors are made in the first frame and kept; making them would break the graph
            self.detect(np.zeros((*size, 3), dtype=np.uint8))
            self.network = torch.compile(network)

    def force(self, forced: ForcedBoxes) -> None:
        """Its detections are its own."""

    @torch.inference_mode()
    def detect(self, image: Image) -> Any:  # noqa: ANN401 - ultralytics' tuple
        """Raw outputs of the frame filled up to its stride of 32."""
        below = -image.shape[0] % 32
        padded = np.pad(image, ((0, below), (0, 0), (0, 0)))
        pixels = _tensor(padded, self._device)[None].to(self._running.dtype)
        return self.network(pixels.contiguous(memory_format=_layout(self._running)))

    def encode(self, found: Any, image: Image) -> Sequence[object]:  # noqa: ANN401
        """Nothing."""
        return []


@dataclass(frozen=True)
class _Scored:
    """Detections without movements, as `MovementTracker` reads them."""

    boxes_xyxy: Tensor
    labels: Tensor
    scores: Tensor

    @property
    def movements(self) -> Tensor:
        return torch.zeros_like(self.boxes_xyxy[:, :2])

    @property
    def locations(self) -> Tensor:
        return (self.boxes_xyxy[:, :2] + self.boxes_xyxy[:, 2:]) / 2


def _layout(running: Running) -> torch.memory_format:
    return torch.channels_last if running.channels_last else torch.contiguous_format


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
