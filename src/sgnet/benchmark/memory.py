"""Memory and work of the contestants."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from sgnet.benchmark.contestants import Contestant, Image
from sgnet.benchmark.forced import ForcedBoxes

FRAMES = 3


def peak_memory(build: Callable[[], Contestant], image: Image, count: int) -> float | None:
    """Megabytes at the peak of a process that does nothing else, network included.

    Args:
        build: makes the contestant; it is called in a process of its own and must be picklable.
        image: a frame.
        count: forced detections.

    Returns:
        What the process grew by since its imports; of the GPU where that is used; None where the
        system does not tell.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_peak, build, image, count).result()


def _peak(build: Callable[[], Contestant], image: Image, count: int) -> float | None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak so far
    before = _status("VmRSS")
    contestant = build()
    parameters = [] if contestant.network is None else list(contestant.network.parameters())
    device = parameters[0].device if parameters else torch.device("cpu")
    size = (image.shape[0], image.shape[1])
    contestant.force(ForcedBoxes.drawn(count, size, 40, device))
    for _ in range(FRAMES):
        contestant.encode(contestant.detect(image), image)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    after = _status("VmHWM")
    return None if before is None or after is None else after - before


def measured_work(contestant: Contestant, image: Image) -> dict[str, float]:
    """Millions of parameters, and billions of multiply-adds of one frame; {} without a module."""
    if contestant.network is None:
        return {}
    with FlopCounterMode(display=False) as counter:
        contestant.detect(image)
    return {
        "parameters_m": contestant.num_parameters / 1e6,
        "multiply_adds_g": counter.get_total_flops() / 2e9,
    }


def _status(field: str) -> float | None:
    """A memory figure of this process in MB; None but on Linux."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line for line in lines if line.startswith(f"{field}:")]
    return int(found[0].split()[1]) / 1024 if found else None
