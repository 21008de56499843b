"""How many loader processes, their share of a batch, and what signals do to them."""

from __future__ import annotations

import os
import signal

import cv2

GRACE = 20  # seconds


def share_of_batch(batch_size: int, processes: int, accumulated: int) -> int:
    """Clip pairs of one batch of one process.

    Args:
        batch_size: of an optimiser step.
        processes: that train together.
        accumulated: batches of each of them that make a step.

    Raises:
        ValueError: they do not divide it.
    """
    if batch_size % (processes * accumulated):
        raise ValueError(
            f"data.batch_size must be a multiple of processes x accumulated batches, {processes} x "
            f"{accumulated}, got {batch_size}"
        )
    return batch_size // (processes * accumulated)


def prepare_process(worker: int) -> None:  # noqa: ARG001 - torch gives it
    """Keeps a loader process to one core, and alive through signals to a whole group.

    It outlives these until its run has saved itself. Torch keeps its own threads to one.
    """
    cv2.setNumThreads(1)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE))


def default_workers() -> int:
    """One loader process less than there are cores, 1 to 8."""
    return max(1, min(8, (os.cpu_count() or 1) - 1))
