"""One frame as one graph without loops or data-dependent shapes but the number of detections."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import nms

from sgnet.models import SGNet
from sgnet.models.frame_network import FrameNetwork
from sgnet.ops.sub_regions import axis_cells, box_divisions
from sgnet.postprocess import DetectionDecoder, boxes_at, detection_scores


class StepOutputs(NamedTuple):
    """What the graph gives for one frame, by falling score.

    Attributes:
        boxes_xyxy: [N, 4] input pixels.
        scores: [N].
        labels: [N] class index.
        locations: [N, 2] centerness locations, input pixels.
        movements: [N, 2] displacement since the frame before, input pixels.
        masks: [N, h, w] probabilities at the base masks' resolution, 0 outside the boxes.
        features: [L, C] reference features of the next frame.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    labels: Tensor
    locations: Tensor
    movements: Tensor
    masks: Tensor
    features: Tensor


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
        self.decoder = decoder
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
        scores = detection_scores(maps.class_logits, maps.centerness_logits)
        picked, start = [], 0
        num_classes = scores.shape[1]
        for level in torch.split(scores, list(maps.grid.level_sizes)):
            most = min(self.decoder.top_k, level.numel())
            picked.append(level.flatten().topk(most).indices + start * num_classes)
            start += level.shape[0]
        index = torch.cat(picked)
        index = index[scores.flatten()[index] > self.decoder.score_threshold]
        location = torch.div(index, num_classes, rounding_mode="floor")
        label = index % num_classes
        boxes = boxes_at(location, maps.distances_ltrb, maps.grid, self.size)
        score = scores.flatten()[index]
        apart = label[:, None] * (max(self.size) + 1.0)  # classes do not suppress each other
        kept = nms(boxes + apart, score, self.decoder.nms_threshold)
        kept = kept[: self.decoder.max_detections]
        location, boxes = location[kept], boxes[kept]
        reference = torch.where(is_first[:, None], maps.box_features, previous)
        movements = self.network.movements(maps, reference, location)
        movements = movements * maps.grid.strides[location][:, None]
        blender = self.network.blender
        masks = dense_masks(
            maps.base_masks[0],
            self.network.coefficients(maps, location),
            boxes,
            stride=self.network.mask_stride,
            reading=blender.reading,
            grid=blender.grid,
            cell_size=blender.cell_size,
        )
        return tuple(
            StepOutputs(
                boxes,
                score[kept],
                label[kept],
                maps.grid.locations[location],
                movements,
                masks,
                maps.box_features,
            )
        )


def dense_masks(
    base_masks: Tensor,
    coefficients: Tensor,
    boxes_xyxy: Tensor,
    *,
    stride: int,
    reading: str,
    grid: int,
    cell_size: float,
) -> Tensor:
    """Mask probabilities [N, h, w], 0 outside the boxes; `blend` for graphs of fixed shapes.

    Args:
        base_masks: [C, h, w].
        coefficients: [N, S].
        boxes_xyxy: [N, 4] input pixels.
        stride: input pixels per base-mask pixel.
        reading: of SG-Net Eq. 2, see `sgnet.ops.mask_assembly.blend`.
        grid: G of Eq. 1.
        cell_size: of Eq. 1, in input pixels.
    """
    channels, height, width = base_masks.shape
    divisions = box_divisions(boxes_xyxy, grid, cell_size)  # [N, 2] columns, rows
    inside_x, cell_x = _along(boxes_xyxy[:, 0], boxes_xyxy[:, 2], divisions[:, 0], width, stride)
    inside_y, cell_y = _along(boxes_xyxy[:, 1], boxes_xyxy[:, 3], divisions[:, 1], height, stride)
    cells = cell_y[:, :, None] * divisions[:, 0, None, None] + cell_x[:, None]  # [N, h, w]
    flat = base_masks.flatten(1)  # [C, h*w]
    if reading == "region":
        pixel = torch.arange(height * width, device=cells.device)
        values = base_masks.flatten()[cells.flatten(1) * (height * width) + pixel]
        logits = coefficients.gather(1, cells.flatten(1)) * values
    elif reading == "region_vector":
        vectors = coefficients.reshape(-1, grid * grid, channels)
        logits = torch.zeros_like(cells.flatten(1), dtype=flat.dtype)
        for cell in range(grid * grid):
            logits = torch.where(cells.flatten(1) == cell, vectors[:, cell] @ flat, logits)
    elif reading == "global":
        used = torch.arange(channels, device=cells.device) < divisions.prod(dim=1, keepdim=True)
        logits = (coefficients * used) @ flat
    else:
        logits = coefficients @ flat
    inside = inside_y[:, :, None] & inside_x[:, None]
    return logits.sigmoid().view_as(inside) * inside


def _along(
    low: Tensor, high: Tensor, divisions: Tensor, length: int, stride: int
) -> tuple[Tensor, Tensor]:
    """Which map pixels [N, length] a box touches along one axis, and the cell of each."""
    pixel = torch.arange(length, device=low.device)
    inside = (pixel >= (low / stride).floor()[:, None]) & (pixel < (high / stride).ceil()[:, None])
    inside = inside & (high > low)[:, None]
    centers = (pixel + 0.5) * stride
    return inside, axis_cells(centers, low[:, None], high[:, None], divisions[:, None])
