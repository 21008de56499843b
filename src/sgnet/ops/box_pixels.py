"""The pixels inside boxes as one flat list, so that cost follows the boxes' area.

No loop runs over boxes, and any number of them, 0 included, takes the same path. Lists are read by
`index_select`, which onnxruntime runs several times faster than what `values[index]` becomes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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
class SpanProduct:
    """All pairs of a row and a column of the same instance as one list of P, by row and column.

    Attributes:
        row_entries: [P] index of each pair's row in the list of rows, ascending.
        column_shifts: [R] what is to be added to a pair's own index, by row, for the index of its
            column in the list of columns.
    """

    row_entries: Tensor
    column_shifts: Tensor

    @classmethod
    def of(cls, row_instances: Tensor, column_counts: Tensor) -> SpanProduct:
        """The pairs of rows that belong to instances [R], ascending, and their columns [N]."""
        widths = column_counts[row_instances]  # pairs of each row
        first = column_counts.cumsum(0) - column_counts  # each instance's first column
        shifts = first[row_instances] - (widths.cumsum(0) - widths)
        return cls(torch.repeat_interleave(widths), shifts)

    @property
    def order(self) -> Tensor:
        """[P] each pair's own index."""
        return torch.arange(self.row_entries.shape[0], device=self.row_entries.device)

    @property
    def column_entries(self) -> Tensor:
        """[P] index of each pair's column in the list of columns."""
        return self.order + self.column_shifts.index_select(0, self.row_entries)

    def sums(self, *terms: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        """What belongs to a pair's row plus what belongs to its column, for several such terms.

        Several are read together: a list costs as much to read as its entries are many, not wide.

        Args:
            terms: of each row [R] and of each column [S].

        Returns:
            [P] for each term.
        """
        of_rows = torch.stack((*(term[0] for term in terms), self.column_shifts), dim=1)
        rows = of_rows.index_select(0, self.row_entries)
        of_columns = torch.stack([term[1] for term in terms], dim=1)
        columns = of_columns.index_select(0, self.order + rows[:, -1])
        return (rows[:, :-1] + columns).unbind(1)


@dataclass(frozen=True)
class BoxPixels:
    """The pixels of a map inside each of N boxes, as one list of P, by box, row and column.

    What depends on the row or the column alone is computed once a row or column of a box.

    Attributes:
        row_spans: the rows of the boxes.
        column_spans: the columns of the boxes.
        product: the pixels as pairs of both.
        counts: [N] number of pixels of each box.
        corners: [N, 2] column and row of each box's first pixel.
        extents: [N, 2] columns and rows of each box.
    """

    row_spans: BoxSpans
    column_spans: BoxSpans
    product: SpanProduct
    counts: Tensor
    corners: Tensor
    extents: Tensor

    @property
    def instances(self) -> Tensor:
        """[P] box index of each pixel, ascending."""
        return self.row_spans.instances.index_select(0, self.product.row_entries)

    @property
    def rows(self) -> Tensor:
        """[P] row of the map."""
        return self.row_spans.positions.index_select(0, self.product.row_entries)

    @property
    def columns(self) -> Tensor:
        """[P] column of the map."""
        return self.column_spans.positions.index_select(0, self.product.column_entries)


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
    product = SpanProduct.of(row_spans.instances, extent[:, 0])
    return BoxPixels(row_spans, column_spans, product, extent.prod(dim=1), first, extent)


def _spans(first: Tensor, length: Tensor) -> BoxSpans:
    """Consecutive positions from `first` [N] on, `length` [N] of them for each box."""
    instances = torch.repeat_interleave(length)
    order = torch.arange(instances.shape[0], device=length.device)
    return BoxSpans(instances, order + (first - length.cumsum(0) + length)[instances])


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
