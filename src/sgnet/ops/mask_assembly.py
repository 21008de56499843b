"""Instance masks from base masks and attention scores (SG-Net Eq. 2).

Training and inference share `blend`. It enumerates the base-mask pixels inside each box as one
flat list, so its cost follows the boxes' area and not instances x frame, no loop runs over
instances, and any number of them, 0 included, takes the same path. Lists are read by
`index_select`, which onnxruntime runs several times faster than what `values[index]` becomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from sgnet.ops.sub_regions import axis_cells, box_divisions

BlenderReading = Literal["region", "global", "region_vector", "prototypes"]
BLENDER_READINGS: tuple[str, ...] = get_args(BlenderReading)


@dataclass(frozen=True)
class BoxSpans:
    """The rows, or the columns, of a map that each of N boxes touches, as one list of R.

    Attributes:
        instances: [R] box index, ascending.
        positions: [R] row or column of the map.
    """

    instances: Tensor
    positions: Tensor


@dataclass(frozen=True)
class BoxPixels:
    """The base-mask pixels inside each of N boxes, as one list of P, by box, row and column.

    What depends on the row or the column alone is computed once a row or column of a box.

    Attributes:
        row_spans: the rows of the boxes.
        column_spans: the columns of the boxes.
        row_entries: [P] index into `row_spans` of each pixel.
        column_shifts: [R] what is to be added to a pixel's own index, by row of `row_spans`, for
            its index into `column_spans`.
        counts: [N] number of pixels of each box.
        corners: [N, 2] column and row of each box's first pixel.
        extents: [N, 2] columns and rows of each box.
    """

    row_spans: BoxSpans
    column_spans: BoxSpans
    row_entries: Tensor
    column_shifts: Tensor
    counts: Tensor
    corners: Tensor
    extents: Tensor

    @property
    def instances(self) -> Tensor:
        """[P] box index of each pixel, ascending."""
        return self.row_spans.instances.index_select(0, self.row_entries)

    @property
    def rows(self) -> Tensor:
        """[P] base-mask row."""
        return self.row_spans.positions.index_select(0, self.row_entries)

    @property
    def columns(self) -> Tensor:
        """[P] base-mask column."""
        shifts = self.column_shifts.index_select(0, self.row_entries)
        return self.column_spans.positions.index_select(0, self.order + shifts)

    @property
    def order(self) -> Tensor:
        """[P] each pixel's own index."""
        return torch.arange(self.row_entries.shape[0], device=self.row_entries.device)


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
    row_spans = _spans(first[:, 1], extent[:, 1])
    column_spans = _spans(first[:, 0], extent[:, 0])
    widths = extent[row_spans.instances, 0]  # pixels of each row of a box
    first_entry = extent[:, 0].cumsum(0) - extent[:, 0]  # of each box in column_spans
    shift = first_entry[row_spans.instances] - (widths.cumsum(0) - widths)
    return BoxPixels(
        row_spans,
        column_spans,
        torch.repeat_interleave(widths),
        shift,
        extent.prod(dim=1),
        first,
        extent,
    )


def _spans(first: Tensor, length: Tensor) -> BoxSpans:
    """Consecutive positions from `first` [N] on, `length` [N] of them for each box."""
    instances = torch.repeat_interleave(length)
    order = torch.arange(instances.shape[0], device=length.device)
    return BoxSpans(instances, order + (first - length.cumsum(0) + length)[instances])


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

    A pixel is set where its logit is positive. In `region` that is where a_k and B_k have one sign,
    so no more than the sign of a score counts: a trained network gives all scores of a cell the
    same one, and its masks stay as they are with another object's scores.

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
    rows, columns = pixels.row_spans, pixels.column_spans
    row_start = (frame_indices[rows.instances] * height + rows.positions) * width  # [R]
    channels_last = base_masks.movedim(1, -1)  # [B, h, w, C]
    if reading == "region":
        row_cells, column_cells = _span_cells(pixels, boxes_xyxy, stride, grid, cell_size)
        value, score = _at_pixels(
            pixels,
            (
                row_start * channels + row_cells,
                rows.instances * coefficients.shape[1] + row_cells,
            ),
            (columns.positions * channels + column_cells, column_cells),
        )
        scores = coefficients.flatten().index_select(0, score)
        # Eq. 2, each term in its own cell: a_k * B_k at k = k(p)
        logits = scores * channels_last.reshape(-1).index_select(0, value)
        return BlendedMasks(pixels, logits)
    (position,) = _at_pixels(pixels, (row_start,), (columns.positions,))
    vectors = channels_last.reshape(-1, channels).index_select(0, position)  # [P, C]
    if reading == "prototypes":
        weights = coefficients.index_select(0, pixels.instances)  # a_c, YOLACT's
    elif reading == "global":
        used = box_divisions(boxes_xyxy, grid, cell_size).prod(dim=1, keepdim=True)  # [N, 1]
        inside = torch.arange(channels, device=used.device) < used
        # Eq. 2 with its sigmoid around the sum: a_k for k = 1..r1*r2, the same at every pixel
        weights = (coefficients * inside).index_select(0, pixels.instances)
    elif reading == "region_vector":
        row_cells, column_cells = _span_cells(pixels, boxes_xyxy, stride, grid, cell_size)
        first_cells = rows.instances * (grid * grid)
        (cell,) = _at_pixels(pixels, (first_cells + row_cells,), (column_cells,))
        # Eq. 2 with a vector of scores for each cell: a_{k(p), c}
        weights = coefficients.reshape(-1, channels).index_select(0, cell)
    else:
        raise ValueError(f"reading must be one of {BLENDER_READINGS}, got {reading!r}")
    return BlendedMasks(pixels, (weights * vectors).sum(dim=1))  # the sum of Eq. 2; sigmoids later


def _at_pixels(
    pixels: BoxPixels, of_rows: tuple[Tensor, ...], of_columns: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Sums [P] of what belongs to each pixel's row of its box [R] and to its column [S].

    Several are read together: a list costs as much to read as its entries are many, not wide.
    """
    table = torch.stack((*of_rows, pixels.column_shifts), dim=1)
    rows = table.index_select(0, pixels.row_entries)
    columns = torch.stack(of_columns, dim=1).index_select(0, pixels.order + rows[:, -1])
    return (rows[:, :-1] + columns).unbind(1)


def _span_cells(
    pixels: BoxPixels, boxes_xyxy: Tensor, stride: int, grid: int, cell_size: float
) -> tuple[Tensor, Tensor]:
    """Sub-regions k = row * r1 + column as their two terms: row * r1 [R] and column [S]."""
    divisions = box_divisions(boxes_xyxy, grid, cell_size)
    terms = []
    for axis, spans in enumerate((pixels.column_spans, pixels.row_spans)):
        boxes = boxes_xyxy[:, [axis, axis + 2]][spans.instances]
        centers = (spans.positions + 0.5) * stride
        terms.append(
            axis_cells(centers, boxes[:, 0], boxes[:, 1], divisions[spans.instances, axis])
        )
    return terms[1] * divisions[pixels.row_spans.instances, 0], terms[0]


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
