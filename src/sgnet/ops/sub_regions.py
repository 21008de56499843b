"""The dynamic division of a box into sub-regions (SG-Net Eq. 1)."""

from __future__ import annotations

import torch
from torch import Tensor

from sgnet.ops.boxes import box_sizes


def box_divisions(boxes_xyxy: Tensor, grid: int, cell_size: float) -> Tensor:
    """Number of columns r1 and rows r2 a box is divided into (SG-Net Eq. 1).

    r1 = min(G, ceil(width / cell_size)), r2 = min(G, ceil(height / cell_size)), at least 1.

    Args:
        boxes_xyxy: [N, 4] input pixels.
        grid: G, the most divisions along a side.
        cell_size: input pixels; the paper's 50 belongs to 640x360 and scales with the input.

    Returns:
        [N, 2] int64: r1 (columns), r2 (rows).
    """
    # Eq. 1: r = min(G, ceil(side / cell_size)), and never 0
    return (box_sizes(boxes_xyxy) / cell_size).ceil().clamp(1, grid).long()


def cell_indices(points_xy: Tensor, boxes_xyxy: Tensor, divisions: Tensor) -> Tensor:
    """Sub-region of its box that each point lies in, k = row * r1 + column.

    Args:
        points_xy: [P, 2] input pixels; points outside the box count to the nearest cell.
        boxes_xyxy: [P, 4] the box of each point, input pixels.
        divisions: [P, 2] r1 (columns), r2 (rows) of that box.

    Returns:
        [P] int64 in 0..r1*r2-1.
    """
    column, row = (
        axis_cells(points_xy[:, axis], boxes_xyxy[:, axis], boxes_xyxy[:, axis + 2], count)
        for axis, count in enumerate(divisions.unbind(dim=1))
    )
    return row * divisions[:, 0] + column  # k of Eq. 2, row-major


def axis_cells(points: Tensor, low: Tensor, high: Tensor, divisions: Tensor) -> Tensor:
    """Which of a box's columns, or rows, of cells points lie in.

    Args:
        points: [P] one coordinate, input pixels; outside the box counts to the nearest cell.
        low: [P] where the box begins along that axis.
        high: [P] where it ends.
        divisions: [P] cells along the axis.

    Returns:
        [P] int64 in 0..divisions-1.
    """
    extent = (high - low).clamp(min=torch.finfo(low.dtype).tiny)
    cells = ((points - low) * divisions / extent).floor()
    return torch.minimum(cells.clamp(min=0), divisions - 1.0).long()
