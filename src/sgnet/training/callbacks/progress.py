"""What training shows of itself: a bar on a terminal, lines in a log file."""

from __future__ import annotations

import logging
import math
import time
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ProgressBar, RichProgressBar
from rich import get_console
from torch import Tensor

log = logging.getLogger(__name__)
LOSS, SPEED = "train/loss", "train/images_per_s"


def training_progress(refresh_rate: int = 5, seconds: float = 30.0) -> ProgressBar:
    """A progress bar on a terminal and in a notebook, else `ProgressLines`.

    Args:
        refresh_rate: batches between two states of the bar.
        seconds: between two lines.
    """
    console = get_console()
    seen = console.is_terminal or console.is_jupyter
    return RichProgressBar(refresh_rate) if seen else ProgressLines(seconds)


class ProgressLines(ProgressBar):
    """Logs a line every so often: step, losses, last AP, images a second, time left.

    The time left is that of the training steps at the last line's pace; validations come on top.

    Args:
        seconds: between two lines; the first step, validations and the last step have their own.

    Raises:
        ValueError: seconds are negative.
    """

    def __init__(self, seconds: float = 30.0) -> None:
        super().__init__()
        if seconds < 0:
            raise ValueError(f"seconds must not be negative, got {seconds}")
        self.seconds = seconds
        self._enabled = True
        self._logged: float | None = None  # when there was a line last
        self._pace_from: tuple[float, int] | None = None  # when, and at which step

    def disable(self) -> None:
        """Says no more; Lightning calls it in processes other than the first."""
        self._enabled = False

    def enable(self) -> None:
        """Takes `disable` back."""
        self._enabled = True

    def on_train_epoch_start(self, trainer: pl.Trainer, *_: Any) -> None:  # noqa: ANN401
        """Measures the pace anew: what lies between epochs is no training."""
        now = time.monotonic()
        self._pace_from = (now, trainer.global_step)
        if self._logged is None:
            self._logged = now

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:  # noqa: ANN401
        """Logs where it is time."""
        step, total = trainer.global_step, trainer.estimated_stepping_batches
        now = time.monotonic()
        if self._pace_from is None or self._logged is None or not self._enabled:
            return
        since, before = self._pace_from
        if step == before:
            return  # within an accumulated step
        if step not in (1, total) and now - self._logged < self.seconds:
            return
        pace = (now - since) / (step - before)
        self._logged, self._pace_from = now, (now, step)
        log.info("%s", line(trainer, step, total, pace))

    def on_validation_end(self, trainer: pl.Trainer, *_: Any) -> None:  # noqa: ANN401
        """Logs the figures of a validation."""
        figures = {k: v for k, v in values(trainer).items() if k.startswith("val/AP")}
        if self._enabled and not trainer.sanity_checking and figures:
            text = ", ".join(f"{name} {figures[name]:.3f}" for name in ("val/AP", "val/AP50"))
            log.info(
                "step %d, validation: %s%s",
                *(trainer.global_step, text.replace("val/", ""), both_kinds(trainer)),
            )
        self._pace_from = (time.monotonic(), trainer.global_step)


def both_kinds(trainer: pl.Trainer) -> str:
    """AP of raw and of averaged weights, where a validation scored both."""
    found = trainer.callback_metrics
    if not all(f"val_{kind}/AP" in found for kind in ("raw", "averaged")):
        return ""
    return f" (AP raw {found['val_raw/AP']:.3f}, averaged {found['val_averaged/AP']:.3f})"


def line(trainer: pl.Trainer, step: int, total: float, pace: float) -> str:
    """One line of progress.

    Args:
        trainer: whose logged values are shown.
        step: optimiser steps done.
        total: of the run; may be infinite.
        pace: seconds a step.
    """
    found = values(trainer)
    terms = [
        f"{name.removeprefix('train/')} {value:.3f}"
        for name, value in found.items()
        if name.startswith("train/") and name not in (LOSS, SPEED)
    ]
    parts = [f"step {step}" if math.isinf(total) else f"step {step}/{total:.0f}"]
    if LOSS in found:
        parts.append(f"loss {found[LOSS]:.3f}" + (f" ({', '.join(terms)})" if terms else ""))
    if "val/AP" in found:
        parts.append(f"last AP {found['val/AP']:.3f}")
    if SPEED in found:
        parts.append(f"{found[SPEED]:.1f} images/s")
    if not math.isinf(total):
        parts.append(f"{timedelta(seconds=round(pace * (total - step)))} of training left")
    return ", ".join(parts)


def values(trainer: pl.Trainer) -> dict[str, float]:
    """What a progress bar would show, and the speed."""
    shown: dict[str, Any] = dict(trainer.progress_bar_metrics)
    if SPEED in trainer.callback_metrics:
        shown[SPEED] = trainer.callback_metrics[SPEED]
    return {name: float(v) for name, v in shown.items() if isinstance(v, float | Tensor)}
