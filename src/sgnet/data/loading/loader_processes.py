"""How many loader processes, their share of a batch, and what signals do to them."""

from __future__ import annotations

import multiprocessing
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


def keep_to_one_core() -> None:
    """Lets OpenCV make no threads, here and in loader processes that are forked from here.

    They would share the cores that the processes have among them. To be called before they are
    made: threads that OpenCV has here do not exist behind a fork, where it would wait for them.
    Torch keeps its own threads to one there.
    """
    cv2.setNumThreads(1)


def keep_process_to_one_core(worker: int) -> None:  # noqa: ARG001 - torch gives it
    """The same in a loader process that was not forked."""
    if multiprocessing.get_start_method() != "fork":
        keep_to_one_core()


def prepare_process(worker: int) -> None:
    """Lets a loader process outlive signals to a whole group until its run has saved itself."""
    keep_process_to_one_core(worker)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE))


def default_workers() -> int:
    """One loader process less than there are cores, 1 to 8."""
    return max(1, min(8, (os.cpu_count() or 1) - 1))
