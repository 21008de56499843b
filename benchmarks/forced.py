"""Detections that are put in place of a network's own, so that their number is the same for all.

Weights are random in the benchmark: what a network finds by itself means nothing there. Each runs
its own decoding as it would, and its result is then replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from sgnet.postprocess import DetectionDecoder, SelectedBoxes
from sgnet.structures import LocationGrid

SMALLEST, LARGEST = 24.0, 160.0  # sides of the boxes in pixels; objects of VIS lie about there

FINEST_STRIDE = 8


@dataclass(frozen=True)
class ForcedBoxes:
    """N boxes somewhere in the frame.

    Attributes:
        boxes_xyxy: [N, 4] input pixels.
        scores: [N] falling.
        labels: [N] class index.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    labels: Tensor

    @classmethod
    def drawn(
        cls, count: int, size: tuple[int, int], num_classes: int, device: torch.device | str
    ) -> ForcedBoxes:
        """The same N boxes every time; N may be 0.

        Args:
            count: N.
            size: (height, width) of the frame.
            num_classes: of the labels.
            device: of the result.
        """
        random = np.random.default_rng(count)
        sides = np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST), (count, 2)))
        sides = np.minimum(sides, size[::-1])
        corners = random.uniform(0, 1, (count, 2)) * (np.array(size[::-1]) - sides)
        boxes = np.concatenate([corners, corners + sides], axis=1).astype(np.float32)
        return cls(
            torch.from_numpy(boxes).to(device),
            torch.linspace(0.99, 0.5, count, device=device),
            torch.from_numpy(random.integers(0, num_classes, count)).to(device),
        )


class ForcedDecoder(DetectionDecoder):
    """Decodes as ever and returns the forced boxes instead.

    Args:
        decoder: does the work.
        forced: comes out.
    """

    def __init__(self, decoder: DetectionDecoder, forced: ForcedBoxes) -> None:
        super().__init__(
            decoder.score_threshold,
            decoder.top_k,
            decoder.nms_threshold,
            decoder.max_detections,
        )
        object.__setattr__(self, "forced", forced)

    def select(
        self,
        class_logits: Tensor,
        centerness_logits: Tensor,
        distances_ltrb: Tensor,
        grid: LocationGrid,
        image_size: tuple[int, int],
    ) -> SelectedBoxes:
        """The forced boxes at locations near their centres."""
        super().select(class_logits, centerness_logits, distances_ltrb, grid, image_size)
        forced: ForcedBoxes = self.forced  # type: ignore[attr-defined]
        batched_nms(forced.boxes_xyxy, forced.scores, forced.labels, 1.0)  # all N are candidates
        near = nearest_locations(forced, -(-image_size[1] // FINEST_STRIDE))
        return SelectedBoxes(forced.boxes_xyxy, forced.scores, forced.labels, near)


def nearest_locations(forced: ForcedBoxes, level_width: int) -> Tensor:
    """The location [N] of the finest level in whose cell each box's centre lies.

    Args:
        forced: N boxes.
        level_width: locations in a row of the finest level.
    """
    centers = (forced.boxes_xyxy[:, :2] + forced.boxes_xyxy[:, 2:]) / 2
    columns, rows = (centers / FINEST_STRIDE).long().unbind(1)
    return rows * level_width + columns


def force_mask_rcnn(model: nn.Module, forced: ForcedBoxes) -> None:
    """Makes a torchvision Mask R-CNN paint masks for the forced boxes, in place."""
    heads: Any = model.roi_heads
    own = type(heads).postprocess_detections  # forcing again replaces what was forced before

    def postprocess_detections(
        class_logits: Tensor,
        box_regression: Tensor,
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """The forced boxes, after the work that its own would have been."""
        own(heads, class_logits, box_regression, proposals, image_shapes)
        return [forced.boxes_xyxy], [forced.scores], [forced.labels + 1]

    heads.postprocess_detections = postprocess_detections
