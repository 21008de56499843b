"""The optimiser step that is being made: one batch, or several of several processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch

from sgnet.losses import LossCounts, LossTerms, SGNetCriterion
from sgnet.structures import LocationGrid, Targets
from sgnet.training.distributed import summed


def batches_left(trainer: pl.Trainer, batch_idx: int) -> int:
    """Batches of a process that its optimiser step still takes, this one included.

    Args:
        trainer: whose last step of an epoch takes what is left.
        batch_idx: number of the batch within its epoch.
    """
    of_step = trainer.accumulate_grad_batches
    return int(min(of_step - batch_idx % of_step, trainer.num_training_batches - batch_idx))


class OptimizerStep:
    """Denominators and values of a step whose shares are batches, accumulated, of all processes.

    Args:
        batches: of each process.
        processes: that train together.

    Attributes:
        counts: what the terms of each share are divided by, the step's own over the number of
            shares: a mean over the shares is then the step's. None before the first batch.
    """

    def __init__(self, batches: int, processes: int) -> None:
        self.batches = batches
        self.processes = processes
        self.counts: LossCounts | None = None
        self._values: list[dict[str, Any]] = []

    def denominators(
        self,
        criterion: SGNetCriterion,
        following: Sequence[tuple[Targets, bool]],
        grid: LocationGrid,
        own: LossCounts,
    ) -> LossCounts:
        """Those of each share, found with the first batch; all processes ask with it.

        Args:
            criterion: whose counts they are.
            following: key frames' targets of the batches behind this one, and whether the sides of
                their frames are exchanged against this one's.
            grid: the network's locations.
            own: counts of this batch.

        Raises:
            ValueError: the first batch of several came without the others' targets.
        """
        if self.counts is None:
            others = following[: self.batches - 1]
            if len(others) < self.batches - 1:
                raise ValueError(
                    "a batch must bring the targets of those that its step accumulates behind it, "
                    f"expected {self.batches - 1}, got {len(others)}; the data module's loader "
                    "adds them"
                )
            grids = (grid, grid.turned())
            counts = [own, *(criterion.counts(grids[turned], t) for t, turned in others)]
            total = summed(torch.stack([c.stacked() for c in counts]).sum(dim=0))
            self.counts = LossCounts.of(total).per_share(self.batches * self.processes)
        return self.counts

    def add(self, terms: LossTerms) -> None:
        """Keeps the values of a batch."""
        tensors = {"loss": terms.total, **terms.named()}
        values: dict[str, Any] = {name: value.detach() for name, value in tensors.items()}
        self._values.append({**values, "positives": float(terms.num_positives)})

    def mean(self) -> dict[str, Any]:
        """`loss`, the terms and `positives` by name, mean over this process's batches so far."""
        first, count = self._values[0], len(self._values)
        if count == 1:
            return first
        return {name: sum(values[name] for values in self._values) / count for name in first}
