"""The whole benchmark: latency, growth with the number of objects, memory and work."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import torch
from rich.progress import Progress

from sgnet.benchmark.contestants import (
    EXACT,
    NUM_CLASSES,
    Builder,
    Contestant,
    Image,
    Ours,
)
from sgnet.benchmark.figures import growth, ratios
from sgnet.benchmark.forced import ForcedBoxes
from sgnet.benchmark.machine import machine
from sgnet.benchmark.memory import measured_work, peak_memory
from sgnet.benchmark.modes import (
    build_ours,
    fast_dtypes,
    onnx_modes,
    rival_modes,
    torch_modes,
)
from sgnet.benchmark.rivals import FCOS, MaskRCNN, YoloSeg
from sgnet.benchmark.stages import stage_times
from sgnet.benchmark.timing import Timing, time_in_turn

log = logging.getLogger(__name__)
COUNTS = (1, 10, 50, 100, 200)
RIVAL_COUNTS = (10, 100)
MODES = ("exact", "fastest")
TRIAL_ROUNDS = 5
GROWTH_ROUNDS = 3  # times the rounds of the rest
STAGE_ROUNDS = 9


@dataclass(frozen=True)
class BenchmarkSettings:
    """What is measured.

    Attributes:
        size: (height, width) of the frame.
        rounds: that count.
        warmup: rounds that do not.
        device: cpu, cuda, ...
        compile_too: try torch.compile for the fastest modes; it takes minutes.
        onnx_too: try onnxruntime for our fastest mode, on the CPU; rivals are not exported.
        depths: of our backbones; the first is compared with the rivals.
        rivals: without them only the growth with the number of instances is measured.
    """

    size: tuple[int, int] = (360, 640)
    rounds: int = 15
    warmup: int = 3
    device: str = "cpu"
    compile_too: bool = True
    onnx_too: bool = True
    depths: tuple[int, ...] = (50, 101)
    rivals: bool = True


@dataclass(frozen=True)
class Entry:
    """One line of the table.

    Attributes:
        contestant: what runs.
        count: forced detections.
        encode: with run lengths; without them ours and Mask R-CNN stop at different points.
        from_jpeg: with the decoding of the frame.
    """

    contestant: Contestant
    count: int
    encode: bool = True
    from_jpeg: bool = False


def compare(settings: BenchmarkSettings) -> dict[str, Any]:
    """Runs everything in one process; memory in one process a contestant.

    Returns:
        Plain values: `exact` and `fastest` ratios with the quartiles of growth, medians in
        milliseconds, memory, work, machine.
    """
    with TemporaryDirectory() as folder:
        return _Comparison(settings, Path(folder)).figures()


class _Comparison:
    """The contestants of one run.

    Args:
        settings: what is measured.
        folder: for exported models.
    """

    def __init__(self, settings: BenchmarkSettings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.image: Image = np.random.default_rng(0).integers(
            0, 256, (*settings.size, 3), dtype=np.uint8
        )
        self.jpeg = cv2.imencode(".jpg", self.image)[1]
        self.forced = {
            count: ForcedBoxes.drawn(count, settings.size, NUM_CLASSES, settings.device)
            for count in COUNTS
        }
        self.trials: dict[str, dict[str, float]] = {}

    def figures(self) -> dict[str, Any]:
        """Everything that `compare` returns."""
        builders, modes = self._chosen()
        contestants = {name: build() for name, build in builders.items()}
        entries = self._entries(contestants)
        times = self._times(entries, self.settings.rounds)
        # a few hundredths are what matters here, so it gets rounds of its own
        apart = self._times(
            {
                f"{mode} {count}": Entry(contestants[mode], count)
                for mode in MODES
                for count in COUNTS
            },
            GROWTH_ROUNDS * self.settings.rounds,
        )
        return {
            "exact": ratios(times, "exact") | growth(apart, "exact"),
            "fastest": {
                "mode": modes["fastest"],
                **ratios(times, "fastest"),
                **growth(apart, "fastest"),
            },
            "growth_milliseconds": {name: timing.figures() for name, timing in apart.items()},
            "modes": modes,
            "trials_ms": self.trials,
            "not_tried": self._not_tried(),
            "milliseconds": {name: timing.figures() for name, timing in times.items()},
            "stages": {
                name: self._stages(contestant)
                for name, contestant in contestants.items()
                if isinstance(contestant, Ours)
            },
            "memory_mb": {
                f"{name} {count}": peak_memory(build, self.image, count)
                for name, build in builders.items()
                for count in RIVAL_COUNTS
                if count == RIVAL_COUNTS[0] or "R-CNN" in name or name in ("exact", "fastest")
            },
            "work": {
                name: self._work(contestant)
                for name, contestant in contestants.items()
                if "fastest" not in name
            },
            "machine": machine(self.settings.device, self.settings.size, self.settings.rounds),
        }

    def _chosen(self) -> tuple[dict[str, Builder], dict[str, str]]:
        """Builders of all contestants, and the modes that won the trials."""
        settings = self.settings
        depth, *deeper = settings.depths
        exact = partial(build_ours, depth, settings.device)
        ours = torch_modes(depth, settings.device, settings.compile_too)
        if self._on_onnx:
            ours |= onnx_modes(depth, settings.size, self.folder)
        builders: dict[str, Builder] = {"exact": exact}
        modes = {"exact": EXACT.name}
        modes["fastest"] = self._best("fastest", ours)
        builders["fastest"] = ours[modes["fastest"]]
        if not settings.rivals:
            return builders, modes
        for name, make in self._rivals().items():
            eager = rival_modes(make, (torch.float32,), compiled=False)
            fast = rival_modes(make, fast_dtypes(settings.device), settings.compile_too)
            for title, candidates in ((name, eager), (f"{name} fastest", fast)):
                modes[title] = self._best(title, candidates)
                builders[title] = candidates[modes[title]]
        for other in deeper:
            builders[f"exact R{other}"] = partial(build_ours, other, settings.device)
            same = torch_modes(other, settings.device, settings.compile_too)
            if modes["fastest"] not in same:
                same = onnx_modes(other, settings.size, self.folder)
            builders[f"fastest R{other}"] = same[modes["fastest"]]
        return builders, modes

    def _not_tried(self) -> dict[str, str]:
        """What ours was offered and rivals were not."""
        if not (self.settings.rivals and self._on_onnx):
            return {}
        reason = "onnxruntime, float32 and int8: no export of this network is part of the benchmark"
        return dict.fromkeys(self._rivals(), reason)

    @property
    def _on_onnx(self) -> bool:
        return self.settings.onnx_too and self.settings.device == "cpu"

    def _rivals(self) -> dict[str, Callable[..., Contestant]]:
        """Builders that take `running`; all go through the same trials."""
        settings = self.settings
        makes: dict[str, Callable[..., Contestant]] = {
            "Mask R-CNN": partial(MaskRCNN, settings.size, settings.device),
            "FCOS": partial(FCOS, settings.size, settings.device),
        }
        if _installed("ultralytics"):
            makes["YOLO11m-seg, network"] = partial(YoloSeg, settings.size, settings.device)
        return makes

    def _best(self, title: str, candidates: Mapping[str, Builder]) -> str:
        """The fastest of several modes that run here, by a short trial."""
        work = {}
        for name, build in candidates.items():
            try:
                contestant = build()
                run = self._call(Entry(contestant, 10))
                run()
            except (RuntimeError, torch._dynamo.exc.TorchDynamoException) as error:
                log.warning("%s, %s: does not run here: %s", title, name, _first_line(error))
            else:
                work[name] = run
        times = time_in_turn(work, TRIAL_ROUNDS, 2)
        self.trials[title] = {name: timing.median for name, timing in times.items()}
        best = min(times, key=lambda name: times[name].median)
        log.info("%s: %s of %s", title, best, self.trials[title])
        return best

    def _entries(self, contestants: Mapping[str, Contestant]) -> dict[str, Entry]:
        entries = {}
        for name, contestant in contestants.items():
            if name in ("exact", "fastest"):
                counts: tuple[int, ...] = COUNTS
            elif name.startswith("Mask R-CNN"):
                counts = RIVAL_COUNTS
            else:
                counts = RIVAL_COUNTS[:1]
            for count in counts:
                entries[f"{name} {count}"] = Entry(contestant, count)
            if name in ("exact", "fastest", "Mask R-CNN"):
                for count in RIVAL_COUNTS:
                    title = f"{name} {count}, {contestant.before_encoding}"
                    entries[title] = Entry(contestant, count, encode=False)
                entries[f"{name} 10 from JPEG"] = Entry(contestant, 10, from_jpeg=True)
        return entries

    def _times(self, entries: Mapping[str, Entry], rounds: int) -> dict[str, Timing]:
        work = {name: self._call(entry) for name, entry in entries.items()}
        warmup = self.settings.warmup
        with Progress(transient=True) as progress:
            task = progress.add_task("benchmark", total=rounds + warmup)
            return time_in_turn(work, rounds, warmup, lambda: progress.advance(task))

    def _call(self, entry: Entry) -> Callable[[], object]:
        contestant, forced = entry.contestant, self.forced[entry.count]

        def run() -> None:
            """One frame."""
            contestant.force(forced)
            image = self._decoded() if entry.from_jpeg else self.image
            found = contestant.detect(image)
            if entry.encode:
                contestant.encode(found, image)

        return run

    def _decoded(self) -> Image:
        return np.asarray(cv2.imdecode(self.jpeg, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)

    def _stages(self, contestant: Ours) -> dict[str, dict[str, Any]]:
        """By number of instances, then stage."""
        return {
            str(count): {
                stage: timing.figures()
                for stage, timing in stage_times(
                    contestant, self.image, self.forced[count], STAGE_ROUNDS
                ).items()
            }
            for count in (10, 200)
        }

    def _work(self, contestant: Contestant) -> dict[str, float]:
        contestant.force(self.forced[10])
        return measured_work(contestant, self.image)


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
