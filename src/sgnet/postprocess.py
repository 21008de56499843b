"""Dense outputs to detections and masks (SPEC: score, threshold, top-k, NMS)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import batched_nms

from sgnet.files.checked_values import require_integer, require_number
from sgnet.ops.boxes import clip_boxes, distances_to_boxes
from sgnet.ops.mask_assembly import BlendedMasks, dense_probabilities
from sgnet.ops.mask_crops import MASK_THRESHOLD, split_crops
from sgnet.records import BaseCrop
from sgnet.structures import DenseOutputs, Detections, LocationGrid

MAX_COUNT = 2**20  # of locations or detections; more than any frame has


@dataclass(frozen=True)
class SelectedBoxes:
    """The N boxes of a frame that are kept, by falling score.

    Attributes:
        boxes_xyxy: [N, 4] input pixels, clipped to the frame.
        scores: [N].
        labels: [N].
        location_indices: [N] index into the L locations.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    labels: Tensor
    location_indices: Tensor


@dataclass(frozen=True)
class DetectionDecoder:
    """Scores sqrt(class * centerness), threshold, top-k per level, class-aware NMS.

    Attributes:
        score_threshold: lower scores are dropped.
        top_k: candidates kept per level before NMS.
        nms_threshold: IoU above which the weaker of one class goes.
        max_detections: kept per frame.

    Raises:
        ValueError: a setting beyond its limits.
    """

    score_threshold: float = 0.3
    top_k: int = 1000
    nms_threshold: float = 0.5
    max_detections: int = 100

    def __post_init__(self) -> None:
        """Checks the settings."""
        require_number("score_threshold", self.score_threshold, 0, 1)
        require_integer("top_k", self.top_k, 1, MAX_COUNT)
        require_number("nms_threshold", self.nms_threshold, 0, 1)
        require_integer("max_detections", self.max_detections, 1, MAX_COUNT)

    def __call__(self, outputs: DenseOutputs, image_size: tuple[int, int]) -> list[Detections]:
        """Detections of each frame.

        Args:
            outputs: of B frames.
            image_size: (height, width) of the network's input; boxes are clipped to it.
        """
        return [self._frame(outputs, b, image_size) for b in range(outputs.class_logits.shape[0])]

    def _frame(self, outputs: DenseOutputs, frame: int, image_size: tuple[int, int]) -> Detections:
        selected = self.select(
            outputs.class_logits[frame],
            outputs.centerness_logits[frame],
            outputs.distances_ltrb[frame],
            outputs.grid,
            image_size,
        )
        location = selected.location_indices
        strides = outputs.strides[location][:, None]
        return Detections(
            boxes_xyxy=selected.boxes_xyxy,
            scores=selected.scores,
            labels=selected.labels,
            locations=outputs.locations[location],
            movements=outputs.movements[frame, location].float() * strides,
            location_indices=location,
        )

    def select(
        self,
        class_logits: Tensor,
        centerness_logits: Tensor,
        distances_ltrb: Tensor,
        grid: LocationGrid,
        image_size: tuple[int, int],
    ) -> SelectedBoxes:
        """Boxes of one frame from what the detection head says.

        Args:
            class_logits: [L, K].
            centerness_logits: [L].
            distances_ltrb: [L, 4] in units of the stride.
            grid: the locations.
            image_size: (height, width) of the network's input; boxes are clipped to it.
        """
        scores = detection_scores(class_logits, centerness_logits)
        location, label = self._candidates(scores, grid.level_sizes)
        boxes = boxes_at(location, distances_ltrb, grid, image_size)
        score = scores[location, label]
        kept = self._survivors(boxes, score, label)[: self.max_detections]
        return SelectedBoxes(boxes[kept], score[kept], label[kept], location[kept])

    def _candidates(self, scores: Tensor, level_sizes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Location and class [N] of the best scores of each level."""
        num_classes = scores.shape[1]
        picked, start = [], 0
        for level_scores in torch.split(scores, list(level_sizes)):
            flat = level_scores.flatten()
            above = (flat > self.score_threshold).nonzero().flatten()
            best = flat[above].topk(min(self.top_k, above.shape[0])).indices
            picked.append(above[best] + start * num_classes)
            start += level_scores.shape[0]
        index = torch.cat(picked)
        return torch.div(index, num_classes, rounding_mode="floor"), index % num_classes

    def _survivors(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        """Which of N boxes NMS within each class keeps, by falling score."""
        kept: Tensor = batched_nms(boxes, scores, labels, self.nms_threshold)
        return kept


def detection_scores(class_logits: Tensor, centerness_logits: Tensor) -> Tensor:
    """Scores [L, K], sqrt(class probability * centerness), from logits [L, K] and [L]."""
    centerness = centerness_logits.float().sigmoid()[:, None]
    return (class_logits.float().sigmoid() * centerness).sqrt()  # FCOS's score, its root


def boxes_at(
    location: Tensor, distances_ltrb: Tensor, grid: LocationGrid, image_size: tuple[int, int]
) -> Tensor:
    """Boxes [N, 4] in input pixels, clipped to the frame, of locations [N] of the grid.

    Args:
        location: [N] index into the L locations.
        distances_ltrb: [L, 4] in units of the stride.
        grid: the locations.
        image_size: (height, width) of the network's input.
    """
    distances = distances_ltrb[location].float() * grid.strides[location][:, None]
    return clip_boxes(distances_to_boxes(grid.locations[location], distances), *image_size)


def binary_masks(
    masks: BlendedMasks, size: tuple[int, int], original_size: tuple[int, int]
) -> Tensor:
    """Masks of N instances in the original frame.

    Args:
        masks: logits inside the boxes at the masks' resolution.
        size: (h, w) of a mask that covers the whole input.
        original_size: (height, width) of the original frame.

    Returns:
        [N, height, width] bool; probabilities upsampled, then cut at 0.5.
    """
    probabilities = dense_probabilities(masks, size).float()
    if probabilities.shape[0] == 0:
        return torch.zeros((0, *original_size), dtype=torch.bool, device=probabilities.device)
    upsampled = F.interpolate(
        probabilities[:, None], size=original_size, mode="bilinear", align_corners=False
    )[:, 0]
    return upsampled > MASK_THRESHOLD


def base_crops(masks: BlendedMasks) -> list[BaseCrop]:
    """Mask probabilities of N instances as crops of the frame's mask map, on the CPU."""
    return split_crops(
        masks.logits.float().sigmoid().cpu().numpy(),
        masks.pixels.corners.cpu().numpy(),
        masks.pixels.extents.cpu().numpy(),
    )
