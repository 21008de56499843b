"""Where the locations of a pyramid level sit in the input image (FCOS section 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor


def level_locations(
    size: tuple[int, int],
    stride: int,
    offset: float,
    device: torch.device | None = None,
) -> Tensor:
    """Locations of one level, row by row.

    Args:
        size: (height, width) of the level's feature map.
        stride: input pixels per feature-map cell.
        offset: position inside the cell as a share of the stride; 0.5 is its centre,
            torchvision's FCOS weights were trained with 0.
        device: where the result lives.

    Returns:
        [height * width, 2] x, y in input pixels.
    """
    height, width = size
    rows = (torch.arange(height, device=device, dtype=torch.float32) + offset) * stride
    columns = (torch.arange(width, device=device, dtype=torch.float32) + offset) * stride
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)
