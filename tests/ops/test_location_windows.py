from __future__ import annotations

import torch

from sgnet.ops.location_windows import location_windows, pyramid_table

SHAPES = [(3, 4), (2, 2), (1, 1)]


def test_windows_hold_the_neighbours_of_each_position_and_zeros_beyond_the_level():
    """Against index arithmetic on a padded map of each level, frame by frame."""
    starts, total = [0, 12, 16], 17
    for frame in range(2):
        for level, (height, width) in enumerate(SHAPES):
            for place in range(height * width):
                location = torch.tensor([starts[level] + place])
                windows = location_windows(SHAPES, location, torch.tensor([frame]), 2)
                row, column = divmod(place, width)
                for position in range(9):
                    y, x = row + position // 3 - 1, column + position % 3 - 1
                    on_level = 0 <= y < height and 0 <= x < width
                    assert windows.inside[0, position] == on_level
                    for neighbour in range(9):
                        v, u = y + neighbour // 3 - 1, x + neighbour % 3 - 1
                        expected = (
                            frame * total + starts[level] + v * width + u
                            if 0 <= v < height and 0 <= u < width
                            else 2 * total
                        )
                        assert windows.rows[0, position, neighbour] == expected


def test_no_location_has_no_window():
    windows = location_windows(SHAPES, torch.zeros(0, dtype=torch.int64))
    assert windows.rows.shape == (0, 9, 9)
    assert windows.inside.shape == (0, 9)


def test_the_table_lists_frames_then_levels_then_places_and_ends_with_zeros():
    levels = [torch.arange(2.0 * 3 * h * w).view(2, 3, h, w) + 1 for h, w in SHAPES]
    table = pyramid_table(levels)
    assert table.shape == (2 * 17 + 1, 3)
    assert table[17 + 12 + 3].tolist() == levels[1][1, :, 1, 1].tolist()
    assert not table[-1].any()
