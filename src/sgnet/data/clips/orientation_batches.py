"""Batches of clip pairs of one orientation, out of any order of pairs.

A batch is one tensor, so its pairs have one size. Padding mixed batches to a square would cost
78 % more pixels in each of them, a third of all batches of 8 where one pair in twenty is upright,
and show the network black that no prediction has. So pairs wait for others of their orientation,
as in detectron2's `AspectRatioGroupedDataset`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def batches_of_one_orientation(
    turned: NDArray[np.bool_], batch_size: int, random: np.random.Generator
) -> IntArray:
    """An order of S pairs in which each batch holds one orientation.

    A batch stands where its last pair was; within an orientation pairs keep their order. What is
    over at the end, fewer than a batch of either orientation, becomes one batch of one of them,
    drawn by their shares and filled up with pairs that are seen twice: so either orientation is as
    frequent, on the average, as it is among the pairs.

    Args:
        turned: [S] the orientation of each pair; S is a multiple of the batch size.
        batch_size: pairs of a batch.
        random: of the last batch; not drawn from where nothing is over.

    Returns:
        [S] positions; the order itself where all have one orientation.
    """
    waiting: tuple[list[int], list[int]] = ([], [])
    order: list[int] = []
    for position, is_turned in enumerate(turned.tolist()):
        own = waiting[is_turned]
        own.append(position)
        if len(own) == batch_size:
            order += own
            own.clear()
    if any(waiting):
        chosen = int(random.integers(batch_size)) < len(waiting[1])
        own = waiting[chosen]
        others = np.setdiff1d(np.flatnonzero(turned == chosen), own)
        again = np.concatenate([random.permutation(others), own])
        order += own + np.resize(again, batch_size - len(own)).tolist()
    return np.array(order, dtype=np.int64)
