"""The whole benchmark: latency, growth with the number of objects, memory and work."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.progress import Progress

from benchmarks.contestants import Builder, Contestant, Ours
from benchmarks.figures import growth, ratios
from benchmarks.lineup import BenchmarkSettings, Failures, line_up
from benchmarks.memory import measured_work, peak_memory
from benchmarks.stages import stage_times
from benchmarks.timing import Timing, time_in_turn
from benchmarks.workload import COUNTS, Entry, Workload
from sgnet.training.manifest import processor_name

RIVAL_COUNTS = (10, 100)
MODES = ("exact", "fastest")
GROWTH_ROUNDS = 3  # times the rounds of the rest
STAGE_ROUNDS = 9
Times = dict[str, Timing | None]


def compare(settings: BenchmarkSettings) -> dict[str, Any]:
    """Runs everything in one process; memory in one process a contestant.

    Returns:
        Plain values: `exact` and `fastest` ratios with the quartiles of growth, medians in
        milliseconds, memory, work, machine. What failed is None, its reason under `failures`.
    """
    with TemporaryDirectory() as folder:
        return _Comparison(settings).figures(Path(folder))


class _Comparison:
    """The contestants of one run.

    Args:
        settings: what is measured.
    """

    def __init__(self, settings: BenchmarkSettings) -> None:
        self.settings = settings
        self.workload = Workload(settings.size, settings.device)
        self.failures = Failures()

    def figures(self, folder: Path) -> dict[str, Any]:
        """Everything that `compare` returns; exported models lie in the folder."""
        lineup = line_up(self.settings, self.workload, self.failures, folder)
        built = {
            name: self.failures.attempt(f"build {name}", build)
            for name, build in lineup.builders.items()
        }
        contestants = {name: made for name, made in built.items() if made is not None}
        times = self._times("", entries_of(contestants), self.settings.rounds)
        # a few hundredths are what matters here, so it gets rounds of its own
        rounds = GROWTH_ROUNDS * self.settings.rounds
        apart = self._times("growth ", growth_entries_of(contestants), rounds)
        return {
            "exact": ratios(times, "exact") | growth(apart, "exact"),
            "fastest": {
                "mode": lineup.modes.get("fastest"),
                **ratios(times, "fastest"),
                **growth(apart, "fastest"),
            },
            "growth_milliseconds": plain(apart),
            "modes": lineup.modes,
            "trials_ms": lineup.trials_ms,
            "not_tried": lineup.not_tried,
            "milliseconds": plain(times),
            "stages": self._stages(contestants),
            "memory_mb": self._memory(lineup.builders),
            "work": self._work(contestants),
            "machine": machine(self.settings.device, self.settings.size, self.settings.rounds),
            "failures": self.failures.reasons,
        }

    def _times(self, what: str, entries: Mapping[str, Entry], rounds: int) -> Times:
        work = {name: self.workload.call(entry) for name, entry in entries.items()}
        warmup = self.settings.warmup

        def failed(name: str, error: Exception) -> None:
            """The others go on."""
            self.failures.note(f"{what}{name}", error)

        with Progress(transient=True) as progress:
            task = progress.add_task("benchmark", total=rounds + warmup)
            times = time_in_turn(work, rounds, warmup, lambda: progress.advance(task), failed)
        return {name: times.get(name) for name in entries}

    def _stages(self, contestants: Mapping[str, Contestant]) -> dict[str, Any]:
        """By contestant, number of instances, then stage."""
        return {
            name: self.failures.attempt(f"stages {name}", partial(self._stages_of, contestant))
            for name, contestant in contestants.items()
            if isinstance(contestant, Ours)
        }

    def _stages_of(self, contestant: Ours) -> dict[str, Any]:
        image, forced = self.workload.image, self.workload.forced
        return {
            str(count): plain(stage_times(contestant, image, forced[count], STAGE_ROUNDS))
            for count in (10, 200)
        }

    def _memory(self, builders: Mapping[str, Builder]) -> dict[str, float | None]:
        """By contestant and number of instances; each in a process of its own."""
        measured: dict[str, Callable[[], float | None]] = {
            f"{name} {count}": partial(peak_memory, build, self.workload.image, count)
            for name, build in builders.items()
            for count in RIVAL_COUNTS
            if count == RIVAL_COUNTS[0] or "R-CNN" in name or name in MODES
        }
        return {
            name: self.failures.attempt(f"memory {name}", measure)
            for name, measure in measured.items()
        }

    def _work(self, contestants: Mapping[str, Contestant]) -> dict[str, dict[str, float] | None]:
        """By contestant."""
        for contestant in contestants.values():
            contestant.force(self.workload.forced[10])
        return {
            name: self.failures.attempt(
                f"work {name}", partial(measured_work, contestant, self.workload.image)
            )
            for name, contestant in contestants.items()
            if "fastest" not in name
        }


def entries_of(contestants: Mapping[str, Contestant]) -> dict[str, Entry]:
    """The table's lines but for growth."""
    entries = {}
    for name, contestant in contestants.items():
        if name in MODES:
            counts: tuple[int, ...] = COUNTS
        elif name.startswith("Mask R-CNN"):
            counts = RIVAL_COUNTS
        else:
            counts = RIVAL_COUNTS[:1]
        for count in counts:
            entries[f"{name} {count}"] = Entry(contestant, count)
        if name in (*MODES, "Mask R-CNN"):
            for count in RIVAL_COUNTS:
                title = f"{name} {count}, {contestant.before_encoding}"
                entries[title] = Entry(contestant, count, encode=False)
            entries[f"{name} 10 from JPEG"] = Entry(contestant, 10, from_jpeg=True)
    return entries


def growth_entries_of(contestants: Mapping[str, Contestant]) -> dict[str, Entry]:
    """Ours at every count."""
    return {
        f"{mode} {count}": Entry(contestants[mode], count)
        for mode in MODES
        if mode in contestants
        for count in COUNTS
    }


def plain(times: Mapping[str, Timing | None]) -> dict[str, dict[str, float] | None]:
    """For a file."""
    return {name: None if timing is None else timing.figures() for name, timing in times.items()}


def machine(device: str, size: tuple[int, int], rounds: int) -> dict[str, Any]:
    """What the figures were measured on; device, size and rounds are given."""
    on_gpu = torch.device(device).type == "cuda"
    return {
        "device": torch.cuda.get_device_name()
        if on_gpu
        else f"{os.cpu_count()} x {processor_name()}",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "size": list(size),
        "rounds": rounds,
    }
