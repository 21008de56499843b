"""Checkpoints within an epoch: by time, and when the process is told to end."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from sgnet.checkpoints.writing import newest_checkpoint

log = logging.getLogger(__name__)
# of schedulers that take a machine back; SIGUSR2 is submitit's
SCHEDULERS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
SIGNALS = (*SCHEDULERS, signal.SIGHUP)  # of a terminal that is closed


def queue_again() -> None:
    """Asks SLURM to run this job again; without SLURM, or under submitit, nothing happens."""
    if "SUBMITIT_EXECUTOR" in os.environ:
        return  # it queues its jobs again itself
    job = os.environ.get("SLURM_JOB_ID")
    scontrol = shutil.which("scontrol")
    if job is None or scontrol is None:
        return
    done = subprocess.run([scontrol, "requeue", job], capture_output=True, text=True, check=False)
    if done.returncode:
        log.error("job %s was not queued again: %s", job, done.stderr.strip())


class InterruptedRunError(Exception):
    """The run was told to end and has saved itself."""


class InterruptionCheckpoint(Checkpoint):
    """Saves behind whole optimiser steps, so that `resume=auto` goes on with the same next batch.

    A `Checkpoint` runs behind all other callbacks, an average of the weights among them.

    SIGTERM, SIGUSR1, SIGUSR2 and SIGHUP save and end the run; in several processes one that hears
    them is enough. During a validation they wait for the next training step. A signal that is
    ignored, as SIGHUP is under nohup, stays ignored.

    Args:
        path: of the checkpoint; each takes the place of the one before.
        minutes: between two; None saves on signals only.
        requeue: under SLURM, queue the job again behind a signal of a scheduler.

    Raises:
        ValueError: minutes are not positive.
    """

    def __init__(
        self, path: str | Path, minutes: float | None = 15.0, requeue: bool = True
    ) -> None:
        if minutes is not None and minutes <= 0:
            raise ValueError(f"minutes must be positive or null, got {minutes}")
        self.path = Path(path)
        self.minutes = minutes
        self.requeue = requeue
        self._told: int | None = None
        self._ends = False
        self._handlers: dict[int, Any] = {}
        self._saved_at = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listens."""
        self._told, self._ends = None, False
        self._saved_at = time.monotonic()
        heeded = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        self._handlers = {number: signal.signal(number, self._note) for number in heeded}

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's
        batch: Any,  # noqa: ANN401 - Lightning's
        batch_idx: int,
    ) -> None:
        """Saves where it is time, or where a signal came."""
        is_last = (
            batch_idx + 1 >= trainer.num_training_batches
        )  # the epoch's own checkpoint follows
        if is_last or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        decide = trainer.strategy.reduce_boolean_decision
        told = decide(self._told is not None, all=False)
        if told or decide(self._is_due(), all=False):
            trainer.save_checkpoint(self.path)
            self._saved_at = time.monotonic()
        if told:
            self._ends = True  # with the next batch, behind the logging of this one
            of_user = self._told is not None and self._told not in SCHEDULERS
            if trainer.is_global_zero and self.requeue and not of_user:
                queue_again()

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's
        batch_idx: int,
    ) -> None:
        """Ends a run that was told to.

        Raises:
            InterruptedRunError: the run is saved.
        """
        if self._ends:
            raise InterruptedRunError(
                f"told to end by a signal at step {trainer.global_step}; saved to {self.path}, "
                "resume=auto goes on from there"
            )

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Gives the signals back; removes what another checkpoint is at least as new as."""
        self._restore()
        if trainer.is_global_zero and newest_checkpoint(self.path.parent) != self.path:
            self.path.unlink(missing_ok=True)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Gives the signals back."""
        self._restore()

    def _is_due(self) -> bool:
        return self.minutes is not None and time.monotonic() - self._saved_at >= 60 * self.minutes

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._told not in SCHEDULERS:  # whose queue waits for the answer
            self._told = number

    def _restore(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}
