"""Movement loss (SG-Net Eq. 4)."""

from __future__ import annotations

from torch import Tensor


def movement_loss(predicted: Tensor, targets: Tensor, in_both: Tensor) -> Tensor:
    """Mean over shared objects of |D - (o_t - o_{t-1})| (SG-Net Eq. 4).

    Args:
        predicted: [P, 2] movement D at the positives.
        targets: [P, 2] o_t - o_{t-1} in the same unit.
        in_both: [P] True where the object is in key and reference frame; others do not count.

    Returns:
        A scalar, the sum of both components' distances over the count; 0 where nothing is shared.
    """
    distances = (predicted - targets).abs().sum(dim=1) * in_both
    return distances.sum() / in_both.sum().clamp(min=1)
