"""Learning-rate schedules with a linear warm-up, one factor per optimiser step."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_exponential(
    optimizer: Optimizer,
    total_steps: int,
    warmup_steps: int = 0,
    warmup_factor: float = 0.1,
    final_factor: float = 0.01,
) -> LambdaLR:
    """Exponential decay from 1 to `final_factor` after the warm-up (SG-Net section 4.1).

    Args:
        optimizer: its learning rates are scaled.
        total_steps: optimiser steps of the run.
        warmup_steps: steps of linear rise from `warmup_factor` to 1.
        warmup_factor: factor of the first step.
        final_factor: factor of the last step.
    """
    return _scheduler(
        optimizer, total_steps, warmup_steps, warmup_factor, lambda share: final_factor**share
    )


def warmup_cosine(
    optimizer: Optimizer,
    total_steps: int,
    warmup_steps: int = 0,
    warmup_factor: float = 0.1,
    final_factor: float = 0.01,
) -> LambdaLR:
    """Half a cosine from 1 to `final_factor` after the warm-up; arguments as above."""
    return _scheduler(
        optimizer,
        total_steps,
        warmup_steps,
        warmup_factor,
        lambda share: final_factor + (1 - final_factor) * (1 + math.cos(math.pi * share)) / 2,
    )


def _scheduler(
    optimizer: Optimizer,
    total_steps: int,
    warmup_steps: int,
    warmup_factor: float,
    decay: Callable[[float], float],
) -> LambdaLR:
    def factor(step: int) -> float:
        """Share of the learning rate at a step."""
        if step < warmup_steps:
            return warmup_factor + (1 - warmup_factor) * step / warmup_steps
        share = (step - warmup_steps) / max(1, total_steps - warmup_steps)
        return decay(min(1.0, share))

    return LambdaLR(optimizer, factor)
