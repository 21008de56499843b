"""Dense outputs to detections and masks (SPEC: score, threshold, top-k, NMS)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import batched_nms

from sgnet.ops.boxes import clip_boxes, distances_to_boxes
from sgnet.ops.mask_assembly import BlendedMasks, dense_probabilities
from sgnet.structures import DenseOutputs, Detections

MASK_THRESHOLD = 0.5


@dataclass(frozen=True)
class DetectionDecoder:
    """Scores sqrt(class * centerness), threshold, top-k per level, class-aware NMS.

    Attributes:
        score_threshold: lower scores are dropped.
        top_k: candidates kept per level before NMS.
        nms_threshold: IoU above which the weaker of one class goes.
        max_detections: kept per frame.
    """

    score_threshold: float = 0.3
    top_k: int = 1000
    nms_threshold: float = 0.5
    max_detections: int = 100

    def __call__(self, outputs: DenseOutputs, image_size: tuple[int, int]) -> list[Detections]:
        """Detections of each frame.

        Args:
            outputs: of B frames.
            image_size: (height, width) of the network's input; boxes are clipped to it.
        """
        return [self._frame(outputs, b, image_size) for b in range(outputs.class_logits.shape[0])]

    def _frame(self, outputs: DenseOutputs, frame: int, image_size: tuple[int, int]) -> Detections:
        scores = (
            outputs.class_logits[frame].float().sigmoid()
            * outputs.centerness_logits[frame].float().sigmoid()[:, None]
        ).sqrt()  # [L, K]
        location, label = self._candidates(scores, outputs.level_sizes)
        strides = outputs.strides[location][:, None]
        boxes = clip_boxes(
            distances_to_boxes(
                outputs.locations[location],
                outputs.distances_ltrb[frame, location].float() * strides,
            ),
            *image_size,
        )
        score = scores[location, label]
        kept = batched_nms(boxes, score, label, self.nms_threshold)[: self.max_detections]
        location = location[kept]
        return Detections(
            boxes_xyxy=boxes[kept],
            scores=score[kept],
            labels=label[kept],
            locations=outputs.locations[location],
            movements=outputs.movements[frame, location].float() * strides[kept],
            coefficients=outputs.coefficients[frame, location],
            location_indices=location,
        )

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


def binary_masks(
    masks: BlendedMasks, size: tuple[int, int], original_size: tuple[int, int]
) -> Tensor:
    """Masks of N instances in the original frame.

    Args:
        masks: logits inside the boxes at the base masks' resolution.
        size: (h, w) of the base masks, which cover the whole input.
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
