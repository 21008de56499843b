"""Steps whose gradients are not finite are left out; many in a row end the run with a dump."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from sgnet.files.atomic_file import atomic_path
from sgnet.structures import ClipPairBatch

log = logging.getLogger(__name__)


class NonFiniteGuard(pl.Callback):
    """Skips optimiser steps with NaN or infinite gradients, counts and logs them.

    Logs `train/grad_norm` as well, the length of all gradients before clipping. Gradients are
    looked at behind their reduction, so all processes skip the same steps. Under fp16 the loss
    scale goes down by the same steps; a few at the start are usual.

    Args:
        folder: for dumps, read by `sgnet replay`.
        limit: skipped steps in a row that end the run.

    Raises:
        ValueError: a limit below 1.
    """

    def __init__(self, folder: str | Path, limit: int = 10) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1 step, got {limit}")
        self.folder = Path(folder)
        self.limit = limit
        self.skipped = 0
        self._in_a_row = 0
        self._batches: list[tuple[int, ClipPairBatch]] = []

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: ClipPairBatch,
        batch_idx: int,
    ) -> None:
        """Keeps the batches of a step."""
        if batch_idx % trainer.accumulate_grad_batches == 0:
            self._batches = []
        self._batches.append((batch_idx, batch))

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Takes non-finite gradients away, without which an optimiser leaves its weights alone.

        Raises:
            ValueError: too many steps in a row; the dump is written.
        """
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        norm = get_total_norm(gradients)
        pl_module.log("train/grad_norm", norm, batch_size=1)
        if bool(torch.isfinite(norm)):
            self._in_a_row = 0
            return
        self.skipped += 1
        self._in_a_row += 1
        names = [name for _, batch in self._batches for name in batch.names]
        log.warning(
            "step %d skipped, its gradients are not finite (%d in a row); frames %s",
            trainer.global_step,
            self._in_a_row,
            ", ".join(names),
        )
        pl_module.log("train/skipped_steps", float(self.skipped), batch_size=1)
        if self._in_a_row >= self.limit:
            path = self._dump(trainer, pl_module)
            raise ValueError(
                f"{self._in_a_row} steps in a row had gradients that are not finite; the last one "
                f"is in {path}: sgnet replay dump={path}"
            )
        optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """The counts."""
        return {"skipped": self.skipped, "in_a_row": self._in_a_row}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting."""
        self.skipped, self._in_a_row = state_dict["skipped"], state_dict["in_a_row"]

    def _dump(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> Path:
        """Weights, inputs and denominators of the step, as plain values."""
        path = self.folder / f"step-{trainer.global_step}-rank-{trainer.global_rank}.pt"
        content = {
            "state_dict": pl_module.state_dict(),
            "step": trainer.global_step,
            "epoch": trainer.current_epoch,
            "rank": trainer.global_rank,
            "world_size": trainer.world_size,
            "counts": _plain_counts(pl_module),
            "batches": [
                {"batch_idx": number, **asdict(replace(batch, following=()).to("cpu"))}
                for number, batch in self._batches
            ],
        }
        with atomic_path(path) as temporary:
            torch.save(content, temporary)
        return path


def _plain_counts(pl_module: pl.LightningModule) -> dict[str, float] | None:
    """What the terms of each batch were divided by."""
    step = getattr(pl_module, "step", None)
    if step is None or step.counts is None:
        return None
    return {name: float(count) for name, count in asdict(step.counts).items()}
