"""How fast training goes, and what it waits for."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
import torch

from sgnet.data.loading.resumable_loader import ResumableLoader
from sgnet.structures import ClipPairBatch


class ThroughputLog(pl.Callback):
    """Logs speed each `trainer.log_every_n_steps` steps, over the steps since then.

    `train/images_per_s`: frames, two a clip pair, of all processes; `train/data_wait`: share of the
    time in which this process waited for the next batch; on a GPU `train/gpu_memory_gb`: the most
    that tensors took, in 10^9 bytes. The validation loop counts for nothing.
    """

    def __init__(self) -> None:
        self._started = 0.0
        self._waited_before = 0.0
        self._images = 0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Starts to count."""
        self._start(trainer)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's
        batch: ClipPairBatch,
        batch_idx: int,
    ) -> None:
        """Counts, and logs where it is time."""
        self._images += 2 * len(batch.names) * trainer.world_size
        is_step = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        if not is_step or not every or trainer.global_step % every:
            return
        device = pl_module.device
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = max(time.perf_counter() - self._started, 1e-9)
        figures = {
            "train/images_per_s": self._images / seconds,
            "train/data_wait": min(1.0, (_waited(trainer) - self._waited_before) / seconds),
        }
        if device.type == "cuda":
            figures["train/gpu_memory_gb"] = torch.cuda.max_memory_allocated(device) / 1e9
            torch.cuda.reset_peak_memory_stats(device)
        pl_module.log_dict(figures, batch_size=1)
        self._start(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forgets the time that validation took."""
        self._start(trainer)

    def _start(self, trainer: pl.Trainer) -> None:
        self._started = time.perf_counter()
        self._waited_before = _waited(trainer)
        self._images = 0


def _waited(trainer: pl.Trainer) -> float:
    loader = trainer.train_dataloader
    return loader.waited if isinstance(loader, ResumableLoader) else 0.0
