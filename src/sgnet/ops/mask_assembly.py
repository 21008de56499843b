"""Instance masks from base masks and attention scores (SG-Net Eq. 2).

Training and inference share `blend`. In all readings of Eq. 2 the logits of a sub-region are a
weighted sum of the base masks, and bilinear upsampling commutes with a weighted sum. So the sum is
taken at the base masks' own samples around a sub-region, one in `upsample` squared, and only its
result, a single map instead of one a base mask, is upsampled to the mask's pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from sgnet.ops.box_pixels import BoxPixels, BoxSpans, SpanProduct, box_pixels
from sgnet.ops.sub_regions import axis_cells, box_divisions

BlenderReading = Literal["region", "global", "region_vector", "prototypes"]
BLENDER_READINGS: tuple[str, ...] = get_args(BlenderReading)
DIVIDED_READINGS = ("region", "region_vector")  # what a pixel adds up depends on its sub-region


@dataclass(frozen=True)
class BlendedMasks:
    """Mask logits [P] of the pixels inside the boxes; outside its box an instance is nothing."""

    pixels: BoxPixels
    logits: Tensor


@dataclass(frozen=True)
class _AxisSamples:
    """The base masks' rows, or columns, that the sub-regions of N boxes are interpolated from.

    A list of E samples, by box, sub-region and position; those between two sub-regions of a box
    appear in both.

    Attributes:
        instances: [E] box index.
        cells: [E] row, or column, of sub-regions.
        positions: [E] row, or column, of the base masks.
        counts: [N] samples of each box.
        low: [R] the sample before, or at, each of R mask pixels of the boxes.
        high: [R] the sample behind it.
        weight: [R] of that one.
    """

    instances: Tensor
    cells: Tensor
    positions: Tensor
    counts: Tensor
    low: Tensor
    high: Tensor
    weight: Tensor


def blend(
    base_masks: Tensor,
    frame_indices: Tensor,
    coefficients: Tensor,
    boxes_xyxy: Tensor,
    *,
    stride: int,
    upsample: int,
    reading: BlenderReading,
    grid: int,
    cell_size: float,
) -> BlendedMasks:
    """Mask logits of instances inside their boxes (SG-Net Eq. 2 in one of its readings).

    With a_k the attention scores and B_k the base masks, at a pixel p in sub-region k(p):
    `region_vector` sum over all base masks c of a_{k(p),c} * B_c(p); `global` sum of a_k * B_k(p)
    over the box's r1*r2 cells; `region` a_{k(p)} * B_{k(p)}(p); `prototypes` sum over all base
    masks, whatever the box's size (YOLACT, Table 2 a).

    A pixel is set where its logit is positive. In `region` that is where a_k and B_k have one sign,
    so no more than the sign of a score counts: a trained network gives all scores of a cell the
    same one, and its masks stay as they are with another object's scores. It has no spatial
    attention and is there for comparison.

    Args:
        base_masks: [B, C, h, w].
        frame_indices: [N] the frame of each instance.
        coefficients: [N, S]; S = G*G, for `region_vector` G*G*C (cell-major), for
            `prototypes` C.
        boxes_xyxy: [N, 4] input pixels.
        stride: input pixels per base-mask pixel.
        upsample: mask pixels per base-mask pixel along a side, bilinear; divides the stride.
        reading: one of the four above.
        grid: G of Eq. 1.
        cell_size: of Eq. 1, in input pixels.

    Returns:
        Logits of the pixels inside the boxes, at `upsample` times the base masks' resolution.

    Raises:
        ValueError: the reading is unknown.
    """
    if reading not in BLENDER_READINGS:
        raise ValueError(f"reading must be one of {BLENDER_READINGS}, got {reading!r}")
    height, width = base_masks.shape[-2:]
    mask_stride = stride // upsample
    pixels = box_pixels(boxes_xyxy, (height * upsample, width * upsample), mask_stride)
    divisions = box_divisions(boxes_xyxy, grid, cell_size)
    columns, rows = (
        _samples(
            spans,
            pixels.extents[:, axis],
            _cells(spans, boxes_xyxy, divisions, axis, mask_stride, reading),
            length,
            upsample,
        )
        for axis, (spans, length) in enumerate(
            ((pixels.column_spans, width), (pixels.row_spans, height))
        )
    )
    product = SpanProduct.of(rows.instances, columns.counts)
    values = _blended_samples(
        base_masks, frame_indices, coefficients, divisions, rows, columns, product, reading, grid
    )
    return BlendedMasks(pixels, _interpolated(values, product, rows, columns, pixels))


def _cells(
    spans: BoxSpans,
    boxes_xyxy: Tensor,
    divisions: Tensor,
    axis: int,
    stride: int,
    reading: BlenderReading,
) -> Tensor:
    """Column (axis 0) or row (axis 1) of sub-regions [R] of each column or row of mask pixels."""
    if reading not in DIVIDED_READINGS:
        return torch.zeros_like(spans.positions)
    boxes = boxes_xyxy[:, [axis, axis + 2]][spans.instances]
    centers = (spans.positions + 0.5) * stride
    return axis_cells(centers, boxes[:, 0], boxes[:, 1], divisions[spans.instances, axis])


def _samples(
    spans: BoxSpans, extents: Tensor, cells: Tensor, length: int, upsample: int
) -> _AxisSamples:
    """Where mask pixels lie between the base masks' samples along an axis.

    Half-pixel centres, clamped at the border, as `torch.nn.functional.interpolate` with
    align_corners=False.

    Args:
        spans: R mask pixels.
        extents: [N] mask pixels of each box.
        cells: [R] column or row of sub-regions of each mask pixel.
        length: samples along the axis.
        upsample: mask pixels per sample.
    """
    source = ((spans.positions + 0.5) / upsample - 0.5).clamp(min=0)
    low = source.floor().long()
    high = (low + 1).clamp(max=length - 1) if upsample > 1 else low
    # a pixel brings the samples that the one before it in its sub-region has not brought yet
    follows = (spans.instances[1:] == spans.instances[:-1]) & (cells[1:] == cells[:-1])
    new = high - low + 1
    new = torch.cat([new[:1], torch.where(follows, high[1:] - high[:-1], new[1:])])
    sums = torch.cat([new.new_zeros(1), new.cumsum(0)])
    last, ends = sums[1:] - 1, extents.cumsum(0)
    brought_by = torch.repeat_interleave(new)
    order = torch.arange(brought_by.shape[0], device=last.device)
    return _AxisSamples(
        instances=spans.instances.index_select(0, brought_by),
        cells=cells.index_select(0, brought_by),
        positions=high.index_select(0, brought_by) - last.index_select(0, brought_by) + order,
        counts=sums[ends] - sums[ends - extents],
        low=last - (high - low),
        high=last,
        weight=source - low,
    )


def _blended_samples(
    base_masks: Tensor,
    frame_indices: Tensor,
    coefficients: Tensor,
    divisions: Tensor,
    rows: _AxisSamples,
    columns: _AxisSamples,
    product: SpanProduct,
    reading: BlenderReading,
    grid: int,
) -> Tensor:
    """Eq. 2 at the base masks' own samples [M] in and around each sub-region; sigmoids later."""
    _, channels, height, width = base_masks.shape
    row_start = (frame_indices[rows.instances] * height + rows.positions) * width  # [E]
    row_cells = rows.cells * divisions[rows.instances, 0]  # k = row * r1 + column
    channels_last = base_masks.movedim(1, -1)  # [B, h, w, C]
    if reading == "region":
        value, score = product.sums(
            (row_start * channels + row_cells, columns.positions * channels + columns.cells),
            (rows.instances * coefficients.shape[1] + row_cells, columns.cells),
        )
        scores = coefficients.flatten().index_select(0, score)
        # Eq. 2, each term in its own cell: a_k * B_k at k = k(p)
        return scores * channels_last.reshape(-1).index_select(0, value)
    if reading == "region_vector":  # Eq. 2 with a vector of scores for each cell: a_{k(p), c}
        table, first_cells = coefficients.reshape(-1, channels), rows.instances * (grid * grid)
    else:
        table, first_cells = coefficients, rows.instances
    if reading == "global":
        # Eq. 2 with its sigmoid around the sum: a_k for k = 1..r1*r2, the same at every pixel
        used = divisions.prod(dim=1, keepdim=True)  # [N, 1]
        table = table * (torch.arange(channels, device=used.device) < used)
    position, cell = product.sums(
        (row_start, columns.positions), (first_cells + row_cells, columns.cells)
    )
    vectors = channels_last.reshape(-1, channels).index_select(0, position)  # [M, C]
    return (table.index_select(0, cell) * vectors).sum(dim=1)  # the sum of Eq. 2


def _interpolated(
    values: Tensor,
    product: SpanProduct,
    rows: _AxisSamples,
    columns: _AxisSamples,
    pixels: BoxPixels,
) -> Tensor:
    """Samples [M] of each box, a product of its rows and columns, at its mask pixels [P]."""
    # along the columns of samples first, to mask rows; then along these to mask pixels
    between = SpanProduct.of(pixels.row_spans.instances, columns.counts)
    low, high = (
        between.column_shifts - product.column_shifts.index_select(0, entry)
        for entry in (rows.low, rows.high)
    )
    places = torch.stack((low, high), dim=1).index_select(0, between.row_entries)
    weight = rows.weight.to(values.dtype).index_select(0, between.row_entries)
    before = values.index_select(0, between.order + places[:, 0])
    behind = values.index_select(0, between.order + places[:, 1])
    values = before + weight * (behind - before)
    order, shifts = pixels.product.order, pixels.product.column_shifts
    of_rows = torch.stack((shifts, between.column_shifts), dim=1)
    of_rows = of_rows.index_select(0, pixels.product.row_entries)
    column = order + of_rows[:, 0]
    places = torch.stack((columns.low, columns.high), dim=1).index_select(0, column)
    low, high = (places - of_rows[:, 1:]).unbind(1)
    weight = columns.weight.to(values.dtype).index_select(0, column)
    before, behind = values.index_select(0, low), values.index_select(0, high)
    return before + weight * (behind - before)


def dense_probabilities(masks: BlendedMasks, size: tuple[int, int]) -> Tensor:
    """Mask probabilities [N, h, w] at the masks' resolution, 0 outside the boxes."""
    height, width = size
    pixels = masks.pixels
    dense = masks.logits.new_zeros(pixels.counts.shape[0] * height * width)
    index = (pixels.instances * height + pixels.rows) * width + pixels.columns
    return dense.index_put((index,), masks.logits.sigmoid()).view(-1, height, width)
