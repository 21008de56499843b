"""What 3x3 convolutions read around single locations of a pyramid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

REACH = 2  # two 3x3 convolutions see two locations to each side
WINDOW = 9  # a 3x3 convolution reads nine locations


@dataclass(frozen=True)
class LocationWindows:
    """The 3x3 windows at the 3x3 positions around each of N locations.

    Attributes:
        rows: [N, 9, 9] of a table of all locations of all frames, by position and neighbour; its
            last row, behind all locations, where the level ends.
        inside: [N, 9] True for the positions that are on the level.
    """

    rows: Tensor
    inside: Tensor


def location_windows(
    level_shapes: Sequence[tuple[int, int]],
    locations: Tensor,
    frame_indices: Tensor | None = None,
    num_frames: int = 1,
) -> LocationWindows:
    """Where two 3x3 convolutions, one behind the other, read for single locations.

    Args:
        level_shapes: (height, width) of each level; their locations follow each other, L together.
        locations: [N] index into the L locations; none is fine.
        frame_indices: [N] frame of each location; None is the first.
        num_frames: B; the table of `pyramid_table` has B * L + 1 rows.
    """
    device = locations.device
    lengths = [height * width for height, width in level_shapes]
    sizes = torch.tensor(lengths, device=device)
    starts = sizes.cumsum(0) - sizes
    level = (locations[:, None] >= starts).sum(dim=1) - 1
    height, width = torch.tensor(level_shapes, device=device)[level].unbind(1)
    place = locations - starts[level]
    around = torch.arange(-REACH, REACH + 1, device=device)
    rows = torch.div(place, width, rounding_mode="floor")[:, None] + around  # [N, 5]
    columns = (place % width)[:, None] + around
    inside = ((rows >= 0) & (rows < height[:, None]))[:, :, None] & (
        (columns >= 0) & (columns < width[:, None])
    )[:, None]
    first = starts[level]
    if frame_indices is not None:
        first = first + frame_indices * sum(lengths)
    index = first[:, None, None] + rows[:, :, None] * width[:, None, None]
    index = (index + columns[:, None]).where(inside, num_frames * sum(lengths))  # [N, 5, 5]
    windows = torch.arange(3, device=device)
    span = windows[:, None] + windows  # [position, neighbour] along one side
    flat = (5 * span[:, None, :, None] + span[None, :, None]).view(WINDOW, WINDOW)
    return LocationWindows(index.flatten(1)[:, flat], inside[:, 1:-1, 1:-1].flatten(1))


def pyramid_table(pyramid: Sequence[Tensor]) -> Tensor:
    """Features of all locations of B frames as rows [B * L + 1, C], by frame; the last one zeros.

    Args:
        pyramid: per level [B, C, H_l, W_l].
    """
    flat = torch.cat([level.flatten(2).transpose(1, 2) for level in pyramid], dim=1)  # [B, L, C]
    channels = flat.shape[2]
    return torch.cat([flat.reshape(-1, channels), flat.new_zeros(1, channels)])
