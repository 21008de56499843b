"""Memory and work of the contestants."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.contestants import Builder, Contestant, Image
from benchmarks.forced import ForcedBoxes

FRAMES = 3


def peak_memory(build: Builder, image: Image, count: int) -> float | None:
    """Megabytes at the peak of a process that does nothing else, network included.

    Args:
        build: makes the contestant; it is called in a process of its own and must be picklable.
        image: a frame.
        count: forced detections.

    Returns:
        See `running_peak`.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(running_peak, build, image, count).result()


def running_peak(build: Builder, image: Image, count: int) -> float | None:
    """Megabytes at the peak of frames once the first one is through, network included.

    What only starting takes, a compiler above all, counts for nobody.

    Args:
        build: makes the contestant.
        image: a frame.
        count: forced detections.

    Returns:
        What this process grew by at most since before `build`; of the GPU where that is used; None
        where the system does not tell.

    Raises:
        OSError: the system tells the peak and does not let it be forgotten.
    """
    _give_back()
    before = status_megabytes("VmRSS")
    contestant = build()
    parameters = [] if contestant.network is None else list(contestant.network.parameters())
    device = parameters[0].device if parameters else torch.device("cpu")
    size = (image.shape[0], image.shape[1])
    contestant.force(ForcedBoxes.drawn(count, size, 40, device))
    contestant.encode(contestant.detect(image), image)
    _forget_peak(device)
    for _ in range(FRAMES):
        contestant.encode(contestant.detect(image), image)
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    after = status_megabytes("VmHWM")
    return None if before is None or after is None else after - before


def _forget_peak(device: torch.device) -> None:
    """The peak is from here on."""
    _give_back()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif status_megabytes("VmHWM") is not None:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _give_back() -> None:
    """What is free returns to the system, so that the start's garbage counts for nobody."""
    gc.collect()
    with suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


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


def status_megabytes(field: str) -> float | None:
    """A memory figure of this process in MB; None but on Linux."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line for line in lines if line.startswith(f"{field}:")]
    return int(found[0].split()[1]) / 1024 if found else None
