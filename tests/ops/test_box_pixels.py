from __future__ import annotations

import pytest
import torch

from sgnet.ops.box_pixels import SpanProduct, box_pixels, mean_per_instance

STRIDE, HEIGHT, WIDTH = 2, 18, 26


def test_a_box_smaller_than_a_pixel_still_has_one():
    pixels = box_pixels(torch.tensor([[4.2, 6.1, 4.9, 6.5]]), (HEIGHT, WIDTH), STRIDE)
    assert (pixels.rows.tolist(), pixels.columns.tolist()) == ([3], [2])


def test_pairs_of_rows_and_columns_are_listed_by_instance_and_row():
    rows = [(0, 10), (0, 11), (2, 12), (3, 13), (3, 14)]  # instance and what belongs to the row
    columns = [(0, 1), (0, 2), (1, 3), (3, 4), (3, 5), (3, 6)]
    instances = torch.tensor([instance for instance, _ in rows])
    counts = torch.tensor([2, 1, 0, 3])
    product = SpanProduct.of(instances, counts)
    expected = [(r, c) for i, r in rows for j, c in columns if i == j]
    of_rows, of_columns = (torch.tensor([v for _, v in part]) for part in (rows, columns))
    found = zip(
        of_rows[product.row_entries].tolist(),
        of_columns[product.column_entries].tolist(),
        strict=True,
    )
    assert list(found) == expected
    sums = product.sums((of_rows, of_columns), (10 * of_rows, 0 * of_columns))
    assert sums[0].tolist() == [r + c for r, c in expected]
    assert sums[1].tolist() == [10 * r for r, _ in expected]


def test_mean_per_instance_is_zero_for_a_box_without_pixels():
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [200.0, 0.0, 210.0, 9.0], [0.0, 0.0, 2.0, 2.0]])
    pixels = box_pixels(boxes, (HEIGHT, WIDTH), STRIDE)
    values = torch.tensor([1.0, 2.0, 3.0, 6.0, 5.0])
    assert mean_per_instance(values, pixels).tolist() == [3.0, 0.0, 5.0]


@pytest.mark.parametrize(
    "box",
    [
        (4.2, 6.1, 4.2, 9.0),  # no width, though it lies within a pixel
        (4.2, 6.1, 9.0, 6.1),
        (4.9, 6.1, 4.2, 9.0),  # its sides exchanged
        (60.0, 6.1, 80.0, 9.0),
    ],
)
def test_a_box_without_area_or_outside_has_no_pixel(box):
    pixels = box_pixels(torch.tensor([box, (0.0, 0.0, 2.0, 2.0)]), (HEIGHT, WIDTH), STRIDE)
    assert pixels.counts.tolist() == [0, 1]
    assert pixels.instances.tolist() == [1]


def test_corners_and_extents_are_columns_and_rows():
    # pixels of two: columns 2 to 6, rows 3 and 4; cut at the border columns 0 to 2, rows 16 and 17
    boxes = torch.tensor([[4.2, 6.1, 13.5, 9.0], [-7.0, 33.0, 5.0, 90.0]])
    pixels = box_pixels(boxes, (HEIGHT, WIDTH), STRIDE)
    assert pixels.corners.tolist() == [[2, 3], [0, 16]]
    assert pixels.extents.tolist() == [[5, 2], [3, 2]]
    assert pixels.counts.tolist() == [10, 6]
    assert pixels.columns.tolist() == [2, 3, 4, 5, 6] * 2 + [0, 1, 2] * 2
    assert pixels.rows.tolist() == [3] * 5 + [4] * 5 + [16] * 3 + [17] * 3
