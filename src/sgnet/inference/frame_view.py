"""What a network says of one frame, at any location and in any box."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sgnet.evaluation.best_locations import best_locations
from sgnet.models import SGNet
from sgnet.ops.boxes import clip_boxes
from sgnet.postprocess import binary_masks, boxes_at, detection_scores
from sgnet.structures import DenseOutputs


@dataclass(frozen=True)
class FrameView:
    """One frame of a chunk that went through the network.

    Attributes:
        model: the network.
        outputs: of the frame's chunk.
        frame: index in the chunk.
        input_size: (height, width) of the network's input.
        original_size: (height, width) of the frame; boxes and movements here are in its pixels.
    """

    model: SGNet
    outputs: DenseOutputs
    frame: int
    input_size: tuple[int, int]
    original_size: tuple[int, int]

    @property
    def _scale(self) -> Tensor:
        """[2] frame pixels per input pixel, along x and y."""
        (height, width), (rows, columns) = self.input_size, self.original_size
        return self.outputs.locations.new_tensor([columns / width, rows / height])

    def best_locations(self, boxes_xyxy: Tensor) -> Tensor:
        """Location [N] that speaks for each object with a true box [N, 4]."""
        scores = detection_scores(
            self.outputs.class_logits[self.frame], self.outputs.centerness_logits[self.frame]
        )
        boxes = boxes_xyxy / self._scale.repeat(2)
        return best_locations(scores.amax(dim=1), self.outputs.grid, boxes)

    def scores(self, locations: Tensor) -> Tensor:
        """Attention scores [N, S] at locations [N]."""
        frames = torch.zeros_like(locations)
        return self.model.mask_head.attention_scores(
            self.outputs.only(self.frame), frames, locations
        )

    def labels(self, locations: Tensor) -> Tensor:
        """Likeliest class [N] at locations [N]."""
        return self.outputs.class_logits[self.frame, locations].argmax(dim=1)

    def boxes(self, locations: Tensor) -> Tensor:
        """Predicted boxes [N, 4] at locations [N], clipped to the frame."""
        distances = self.outputs.distances_ltrb[self.frame]
        boxes = boxes_at(locations, distances, self.outputs.grid, self.input_size)
        return boxes * self._scale.repeat(2)

    def movements(self, locations: Tensor) -> Tensor:
        """Predicted displacements [N, 2] since the frame before at locations [N]."""
        strides = self.outputs.strides[locations][:, None]
        return self.outputs.movements[self.frame, locations].float() * strides * self._scale

    def masks(self, boxes_xyxy: Tensor, scores: Tensor) -> Tensor:
        """Masks [N, height, width] bool, as in results.

        Args:
            boxes_xyxy: [N, 4] in which they are made.
            scores: [N, S] attention scores.
        """
        outputs = self.outputs.only(self.frame)
        frames = torch.zeros(len(boxes_xyxy), dtype=torch.int64, device=boxes_xyxy.device)
        boxes = clip_boxes(boxes_xyxy / self._scale.repeat(2), *self.input_size)
        blended = self.model.mask_head.masks(outputs, frames, scores, boxes)
        return binary_masks(blended, outputs.mask_size, self.original_size)
