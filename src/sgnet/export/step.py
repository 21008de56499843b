"""One frame as one graph without loops or data-dependent shapes but the number of detections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import nms

from sgnet.inference.frame_network import FrameMaps, FrameNetwork
from sgnet.models import SGNet
from sgnet.postprocess import DetectionDecoder, SelectedBoxes


class StepOutputs(NamedTuple):
    """What the graph gives for one frame, by falling score.

    Attributes:
        boxes_xyxy: [N, 4] input pixels.
        scores: [N].
        labels: [N] class index.
        locations: [N, 2] centerness locations, input pixels.
        movements: [N, 2] displacement since the frame before, input pixels.
        mask_values: [P] probabilities of mask pixels inside the boxes, by box, row, column.
        mask_corners: [N, 2] column and row of each box's first mask pixel.
        mask_extents: [N, 2] columns and rows of each box.
        features: [L, C] reference features of the next frame.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    labels: Tensor
    locations: Tensor
    movements: Tensor
    mask_values: Tensor
    mask_corners: Tensor
    mask_extents: Tensor
    features: Tensor


@dataclass(frozen=True, kw_only=True)
class GraphDecoder(DetectionDecoder):
    """The decoder as a graph: a fixed number of candidates a level, the threshold behind it.

    Its detections are those of `DetectionDecoder` with the same settings.

    Attributes:
        longest_side: of the network's input, in pixels.
    """

    longest_side: int

    def _candidates(self, scores: Tensor, level_sizes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        num_classes = scores.shape[1]
        picked, start = [], 0
        for level in torch.split(scores, list(level_sizes)):
            most = min(self.top_k, level.numel())
            picked.append(level.flatten().topk(most).indices + start * num_classes)
            start += level.shape[0]
        index = torch.cat(picked)
        index = index[scores.flatten()[index] > self.score_threshold]
        return torch.div(index, num_classes, rounding_mode="floor"), index % num_classes

    def _survivors(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        # Classes do not suppress each other; no farther, coordinates lose digits as they grow.
        apart = labels[:, None] * (self.longest_side + 1.0)
        kept: Tensor = nms(boxes + apart, scores, self.nms_threshold)
        return kept


class ExportedStep(nn.Module):
    """Frame and the frame before's features in, detections and new features out.

    Args:
        model: trained; it is left as it is.
        decoder: its settings become constants of the graph.
        size: (height, width) of the network's input, fixed in the graph; multiples of 8.
    """

    def __init__(self, model: SGNet, decoder: DetectionDecoder, size: tuple[int, int]) -> None:
        super().__init__()
        self.network = FrameNetwork(model).eval()
        self.decoder = GraphDecoder(
            decoder.score_threshold,
            decoder.top_k,
            decoder.nms_threshold,
            decoder.max_detections,
            longest_side=max(size),
        )
        self.size = size

    def first_features(self, image: Tensor) -> Tensor:
        """Features [L, C] of zeros, with which a video may start; see `OnnxFrameEngine`."""
        return torch.zeros_like(self.network(image).box_features)

    def forward(self, image: Tensor, previous: Tensor, is_first: Tensor) -> tuple[Tensor, ...]:
        """The step; returns the fields of `StepOutputs`.

        Args:
            image: [3, H, W] uint8 RGB.
            previous: [L, C] `features` of the frame before.
            is_first: [1] bool; the first frame of a video is its own reference.
        """
        maps = self.network(image)
        return self.finish(maps, self.selected(maps), previous, is_first)

    def selected(self, maps: FrameMaps) -> SelectedBoxes:
        """The detections of a frame."""
        return self.decoder.select(
            maps.class_logits, maps.centerness_logits, maps.distances_ltrb, maps.grid, self.size
        )

    def finish(
        self, maps: FrameMaps, selected: SelectedBoxes, previous: Tensor, is_first: Tensor
    ) -> tuple[Tensor, ...]:
        """The fields of `StepOutputs` for chosen detections; see `forward`."""
        found = self.network.instances(
            maps, previous, selected.location_indices, selected.boxes_xyxy, is_first
        )
        return tuple(
            StepOutputs(
                selected.boxes_xyxy,
                selected.scores,
                selected.labels,
                found.locations,
                found.movements,
                found.masks.logits.sigmoid(),
                found.masks.pixels.corners,
                found.masks.pixels.extents,
                maps.box_features,
            )
        )
