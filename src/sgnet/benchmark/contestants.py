"""The networks of the benchmark, each as one function from a decoded frame to what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.detection import fcos_resnet50_fpn, maskrcnn_resnet50_fpn

from sgnet.benchmark.forced import ForcedBoxes, ForcedDecoder, force_mask_rcnn
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
class Contestant:
    """One entry of the table.

    Attributes:
        name: in the table.
        network: for its parameters and multiply-adds.
        run: a frame [H, W, 3] RGB through to run lengths with identities, or boxes where there are
            no masks.
        run_network: the same without the run lengths.
    """

    name: str
    network: nn.Module
    run: Callable[[Image], Any]
    run_network: Callable[[Image], Any]


def our_model(depth: int) -> SGNet:
    """The paper's network with random weights, its batch norms with the statistics of training."""
    torch.manual_seed(0)
    return SGNet(
        ResNetFPN(depth, 256, "frozen_batch"),
        DetectionHead(256, NUM_CLASSES),
        MaskHead(256),
        TrackingHead(256),
    ).eval()


def ours(name: str, engine: TorchFrameEngine, forced: ForcedBoxes) -> Contestant:
    """This package's predictor; several contestants may share an engine."""
    decoder = ForcedDecoder(DetectionDecoder(), forced)
    tracker = MovementTracker()

    def detect(image: Image) -> tuple[FrameDetections, list[int]]:
        engine.decoder = decoder
        detections = engine.detect(image)
        return detections, tracker.update(detections)

    def run(image: Image) -> Any:  # noqa: ANN401 - a list of instances
        return tracked_instances(*detect(image), (image.shape[0], image.shape[1]))

    return Contestant(name, engine.network, run, detect)


def mask_rcnn(
    name: str, size: tuple[int, int], forced: ForcedBoxes, channels_last: bool = True
) -> Contestant:
    """Torchvision's Mask R-CNN with the same tracker; movements are zero, it predicts none."""
    torch.manual_seed(0)
    model = maskrcnn_resnet50_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=NUM_CLASSES + 1,
        min_size=size[0],
        max_size=size[1],
        box_detections_per_img=200,
    )
    model = _placed(model, forced.boxes_xyxy.device, channels_last)
    model.transform.size_divisible = 8  # as ours; its own 32 would add rows
    force_mask_rcnn(model, forced)
    tracker = MovementTracker()

    @torch.inference_mode()
    def run_network(image: Image) -> dict[str, Tensor]:
        found: dict[str, Tensor] = model([_tensor(image, forced.boxes_xyxy.device)])[0]
        tracker.update(_Trackable(found["boxes"], found["labels"]))
        return found

    def run(image: Image) -> Any:  # noqa: ANN401 - a list of run lengths
        found = run_network(image)
        boxes = found["boxes"].cpu().numpy()
        masks = (found["masks"][:, 0] > 0.5).cpu().numpy()
        return encode_crops(_box_crops(masks, boxes), image.shape[0], image.shape[1])

    return Contestant(name, model, run, run_network)


def fcos(
    name: str, size: tuple[int, int], device: torch.device, channels_last: bool = True
) -> Contestant:
    """Torchvision's FCOS: boxes only, the floor for a network with its head."""
    torch.manual_seed(0)
    model = fcos_resnet50_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=NUM_CLASSES,
        min_size=size[0],
        max_size=size[1],
    )
    model = _placed(model, device, channels_last)
    model.transform.size_divisible = 8  # as ours; its own 32 would add rows

    @torch.inference_mode()
    def run(image: Image) -> Any:  # noqa: ANN401 - torchvision's dictionary
        return model([_tensor(image, device)])

    return Contestant(name, model, run, run)


def yolo_seg(
    name: str, size: tuple[int, int], forced: ForcedBoxes, weights: str = "yolo11m-seg.yaml"
) -> Contestant | None:
    """Ultralytics' one-stage segmenter where that package is installed, else None.

    Random weights find nothing, so masks and run lengths cost it nothing here: its entry is the
    network alone.
    """
    try:
        from ultralytics import YOLO
    except ImportError:
        return None
    device = forced.boxes_xyxy.device
    network = YOLO(weights).model.to(device).eval().to(memory_format=torch.channels_last)
    height = -(-size[0] // 32) * 32

    @torch.inference_mode()
    def run(image: Image) -> Any:  # noqa: ANN401 - ultralytics' tuple
        padded = np.pad(image, ((0, height - image.shape[0]), (0, 0), (0, 0)))
        pixels = _tensor(padded, device)[None].contiguous(memory_format=torch.channels_last)
        return network(pixels)

    return Contestant(name, network, run, run)


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


def _placed(model: nn.Module, device: torch.device, channels_last: bool) -> Any:  # noqa: ANN401
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return model.eval().requires_grad_(False).to(device).to(memory_format=layout)


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
