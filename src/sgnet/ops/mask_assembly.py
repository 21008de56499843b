"""Instance masks from base masks and attention scores (SG-Net Eq. 2).

Training and inference share `blend`. It enumerates the base-mask pixels inside each box as one
flat list, so its cost follows the boxes' area and not instances x frame, no loop runs over
instances, and any number of them, 0 included, takes the same path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from sgnet.ops.sub_regions import box_divisions, cell_indices

BlenderReading = Literal["region", "global", "region_vector", "prototypes"]
BLENDER_READINGS: tuple[str, ...] = get_args(BlenderReading)


@dataclass(frozen=True)
class BoxPixels:
    """The base-mask pixels inside each of N boxes, as one list of P.

    Attributes:
        instances: [P] box index of each pixel, ascending.
        rows: [P] base-mask row.
        columns: [P] base-mask column.
        counts: [N] number of pixels of each box.
        corners: [N, 2] column and row of each box's first pixel.
        extents: [N, 2] columns and rows of each box.
    """

    instances: Tensor
    rows: Tensor
    columns: Tensor
    counts: Tensor
    corners: Tensor
    extents: Tensor


@dataclass(frozen=True)
class BlendedMasks:
    """Mask logits [P] of the pixels inside the boxes; outside its box an instance is nothing."""

    pixels: BoxPixels
    logits: Tensor


def box_pixels(boxes_xyxy: Tensor, size: tuple[int, int], stride: int) -> BoxPixels:
    """Pixels of a map that boxes touch, be it with a corner.

    Args:
        boxes_xyxy: [N, 4] input pixels, may reach or lie outside of the frame.
        size: (h, w) of the map.
        stride: input pixels per pixel of the map.

    Returns:
        The pixels, by box, row and column; a box wholly outside or without area has none.
    """
    height, width = size
    limits = torch.tensor([width, height], device=boxes_xyxy.device)
    zero = torch.zeros_like(limits)
    first = torch.minimum((boxes_xyxy[:, :2] / stride).floor().long().clamp(min=0), limits)
    last = torch.minimum((boxes_xyxy[:, 2:] / stride).ceil().long(), limits)
    extent = torch.maximum(last - first, zero)  # [N, 2] columns, rows
    extent = extent * (boxes_xyxy[:, 2:] > boxes_xyxy[:, :2]).all(dim=1, keepdim=True)
    counts = extent.prod(dim=1)
    instances = torch.repeat_interleave(counts)
    starts = counts.cumsum(0) - counts
    order = torch.arange(instances.shape[0], device=boxes_xyxy.device) - starts[instances]
    columns_per_row = extent[instances, 0]
    rows = first[instances, 1] + torch.div(order, columns_per_row, rounding_mode="floor")
    columns = first[instances, 0] + order % columns_per_row
    return BoxPixels(instances, rows, columns, counts, first, extent)


def blend(
    base_masks: Tensor,
    frame_indices: Tensor,
    coefficients: Tensor,
    boxes_xyxy: Tensor,
    *,
    stride: int,
    reading: BlenderReading,
    grid: int,
    cell_size: float,
) -> BlendedMasks:
    """Mask logits of instances inside their boxes (SG-Net Eq. 2 in one of its readings).

    With a_k the attention scores and B_k the base masks, at a pixel p in sub-region k(p):
    `region` a_{k(p)} * B_{k(p)}(p); `global` sum of a_k * B_k(p) over the box's r1*r2 cells;
    `region_vector` sum over all base masks c of a_{k(p),c} * B_c(p); `prototypes` sum over all
    base masks, whatever the box's size (YOLACT, Table 2 a).

    Args:
        base_masks: [B, C, h, w].
        frame_indices: [N] the frame of each instance.
        coefficients: [N, S]; S = G*G, for `region_vector` G*G*C (cell-major), for
            `prototypes` C.
        boxes_xyxy: [N, 4] input pixels.
        stride: input pixels per base-mask pixel.
        reading: one of the four above.
        grid: G of Eq. 1.
        cell_size: of Eq. 1, in input pixels.

    Returns:
        Logits of the pixels inside the boxes.

    Raises:
        ValueError: the reading is unknown.
    """
    _, channels, height, width = base_masks.shape
    pixels = box_pixels(boxes_xyxy, (height, width), stride)
    frames = frame_indices[pixels.instances]  # [P]
    position = (frames * height + pixels.rows) * width + pixels.columns
    channels_last = base_masks.movedim(1, -1)  # [B, h, w, C]
    if reading == "region":
        cells = _pixel_cells(pixels, boxes_xyxy, stride, grid, cell_size)
        scores = coefficients.flatten()[pixels.instances * coefficients.shape[1] + cells]
        values = channels_last.reshape(-1)[position * channels + cells]
        return BlendedMasks(pixels, scores * values)
    vectors = channels_last.reshape(-1, channels)[position]  # [P, C]
    if reading == "prototypes":
        weights = coefficients[pixels.instances]
    elif reading == "global":
        used = box_divisions(boxes_xyxy, grid, cell_size).prod(dim=1, keepdim=True)  # [N, 1]
        inside = torch.arange(channels, device=used.device) < used
        weights = (coefficients * inside)[pixels.instances]
    elif reading == "region_vector":
        cells = _pixel_cells(pixels, boxes_xyxy, stride, grid, cell_size)
        weights = coefficients.reshape(-1, channels)[pixels.instances * (grid * grid) + cells]
    else:
        raise ValueError(f"reading must be one of {BLENDER_READINGS}, got {reading!r}")
    return BlendedMasks(pixels, (weights * vectors).sum(dim=1))


def _pixel_cells(
    pixels: BoxPixels, boxes_xyxy: Tensor, stride: int, grid: int, cell_size: float
) -> Tensor:
    """Sub-region [P] of each pixel's centre in its box."""
    divisions = box_divisions(boxes_xyxy, grid, cell_size)
    centers = (torch.stack([pixels.columns, pixels.rows], dim=1) + 0.5) * stride
    return cell_indices(centers, boxes_xyxy[pixels.instances], divisions[pixels.instances])


def dense_probabilities(masks: BlendedMasks, size: tuple[int, int]) -> Tensor:
    """Mask probabilities [N, h, w] at the base masks' resolution, 0 outside the boxes."""
    height, width = size
    pixels = masks.pixels
    dense = masks.logits.new_zeros(pixels.counts.shape[0] * height * width)
    index = (pixels.instances * height + pixels.rows) * width + pixels.columns
    return dense.index_put((index,), masks.logits.sigmoid()).view(-1, height, width)


def mean_per_instance(values: Tensor, pixels: BoxPixels) -> Tensor:
    """Mean over each box's pixels.

    Args:
        values: [P] one value a pixel.
        pixels: the pixels of N boxes.

    Returns:
        [N] means; 0 for a box without pixels.
    """
    sums = values.new_zeros(pixels.counts.shape[0]).index_add(0, pixels.instances, values)
    return sums / pixels.counts.clamp(min=1)
