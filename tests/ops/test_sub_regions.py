from __future__ import annotations

import math

import pytest
import torch

from sgnet.ops.sub_regions import box_divisions, cell_indices


@pytest.mark.parametrize(
    ("width", "height", "columns", "rows"),
    [
        (1, 1, 1, 1),
        (0, 0, 1, 1),
        (50, 50, 1, 1),
        (50.01, 50, 2, 1),
        (50, 50.01, 1, 2),
        (100, 249, 2, 5),
        (250.5, 120, 6, 3),
        (300, 300, 6, 6),
        (301, 1, 6, 1),
        (640, 360, 6, 6),
    ],
)
def test_equation_1_gives_the_divisions_of_a_table_of_boxes(width, height, columns, rows):
    box = torch.tensor([[7.0, 3.0, 7.0 + width, 3.0 + height]], dtype=torch.float64)
    assert box_divisions(box, grid=6, cell_size=50.0).tolist() == [[columns, rows]]


def test_divisions_of_no_boxes_are_none():
    assert box_divisions(torch.zeros(0, 4), 6, 50.0).shape == (0, 2)


def test_cells_count_row_by_row_and_points_outside_fall_to_the_nearest():
    box = torch.tensor([[10.0, 20.0, 130.0, 80.0]])
    divisions = box_divisions(box, 6, 50.0)  # 3 columns, 2 rows
    points = torch.tensor([[10.5, 20.5], [49.0, 49.0], [51.0, 51.0], [129.0, 79.0], [500.0, 0.0]])
    cells = cell_indices(points, box.expand(5, 4), divisions.expand(5, 2))
    assert cells.tolist() == [0, 0, 4, 5, 2]


def test_every_cell_of_a_box_has_about_the_same_share_of_its_points():
    box = torch.tensor([[0.0, 0.0, 250.0, 120.0]])
    divisions = box_divisions(box, 6, 50.0)
    assert divisions.tolist() == [[5, 3]]
    y, x = torch.meshgrid(torch.arange(120) + 0.5, torch.arange(250) + 0.5, indexing="ij")
    points = torch.stack([x.flatten(), y.flatten()], dim=1)
    count = points.shape[0]
    cells = cell_indices(points, box.expand(count, 4), divisions.expand(count, 2))
    shares = cells.bincount(minlength=15) / count
    assert all(math.isclose(share, 1 / 15, rel_tol=1e-6) for share in shares.tolist())
