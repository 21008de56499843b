"""Interleaved timing: what is compared runs in turn, so that a noisy machine is noisy for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one entry over the rounds.

    Attributes:
        median: of the rounds.
        low: first quartile.
        high: third quartile.
        rounds: of each round, so that entries of one run can be compared round by round.
    """

    median: float
    low: float
    high: float
    rounds: tuple[float, ...] = ()

    def figures(self) -> dict[str, float]:
        """Median and quartiles alone, for a file."""
        return {"median": self.median, "low": self.low, "high": self.high}


def raised(name: str, error: Exception) -> None:
    """Ends the timing, and says in whose turn."""
    error.add_note(f"in the turn of {name}")
    raise error


def time_in_turn(
    work: Mapping[str, Callable[[], object]],
    rounds: int,
    warmup: int,
    after_round: Callable[[], None] = lambda: None,
    failed: Callable[[str, Exception], None] = raised,
) -> dict[str, Timing]:
    """Times every entry once a round, on its second frame of two.

    The first one puts its weights into the caches and lets the threads of the entry before go to
    sleep: in a video the same network runs frame after frame.

    Args:
        work: by name.
        rounds: that count.
        warmup: that do not.
        after_round: called behind each, for a progress bar.
        failed: called with what raised; unless it raises itself, the others go on without that
            entry, and it is missing in the result.
    """
    taken: dict[str, list[float]] = {name: [] for name in work}
    for number in range(warmup + rounds):
        for name in list(taken):
            try:
                work[name]()
                milliseconds = _milliseconds(work[name])
            except Exception as error:
                failed(name, error)
                del taken[name]
                continue
            if number >= warmup:
                taken[name].append(milliseconds)
        after_round()
    return {name: summary(values) for name, values in taken.items()}


def summary(milliseconds: list[float]) -> Timing:
    """Median, quartiles and the rounds themselves."""
    low, median, high = np.percentile(milliseconds, [25, 50, 75])
    return Timing(float(median), float(low), float(high), tuple(milliseconds))


def _milliseconds(function: Callable[[], object]) -> float:
    _synchronize()
    started = time.perf_counter()
    function()
    _synchronize()
    return (time.perf_counter() - started) * 1000


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
