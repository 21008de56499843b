"""Who takes part in the benchmark, and in which modes: short trials tell the fastest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks.contestants import EXACT, Builder, Contestant
from benchmarks.modes import build_ours, fast_dtypes, onnx_modes, rival_modes, torch_modes
from benchmarks.rivals import FCOS, MaskRCNN, YoloSeg
from benchmarks.timing import time_in_turn
from benchmarks.workload import Entry, Workload

log = logging.getLogger(__name__)
T = TypeVar("T")
TRIAL_ROUNDS = 5
NOT_TRIED = "onnxruntime, float32 and int8: no export of this network is part of the benchmark"


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
        mode: of our second contestant, by name; None takes the fastest of the trials.
        rivals: without them only the growth with the number of instances is measured.
    """

    size: tuple[int, int] = (360, 640)
    rounds: int = 15
    warmup: int = 3
    device: str = "cpu"
    compile_too: bool = True
    onnx_too: bool = True
    depths: tuple[int, ...] = (50, 101)
    mode: str | None = None
    rivals: bool = True

    @property
    def on_onnx(self) -> bool:
        """Whether onnxruntime is tried for ours."""
        return self.onnx_too and self.device == "cpu"


@dataclass(frozen=True)
class Lineup:
    """Who takes part.

    Attributes:
        builders: of the contestants, by title.
        modes: that won the trials, by title.
        trials_ms: medians of the trials by title, then mode.
        not_tried: what ours was offered and the rival was not.
    """

    builders: dict[str, Builder] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)
    trials_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    not_tried: dict[str, str] = field(default_factory=dict)


def line_up(
    settings: BenchmarkSettings, workload: Workload, failures: Failures, folder: Path
) -> Lineup:
    """Chooses the modes; who runs in none is left out.

    Args:
        settings: what is measured.
        workload: of the trials.
        failures: takes the modes that do not run here.
        folder: for exported models.

    Raises:
        ValueError: the mode that is asked for is none of those here.
    """
    found = Lineup()
    trials = _Trials(found, workload, failures)
    depth, *deeper = settings.depths
    found.builders["exact"] = partial(build_ours, depth, settings.device)
    found.modes["exact"] = EXACT.name
    ours = torch_modes(depth, settings.device, settings.compile_too)
    export = partial(onnx_modes, size=settings.size, folder=folder)
    if settings.on_onnx:
        ours |= failures.attempt(f"export R{depth}", partial(export, depth)) or {}
    trials.choose("fastest", _asked_for(settings.mode, ours))
    if not settings.rivals:
        return found
    for name, make in _rivals(settings).items():
        trials.choose(name, rival_modes(make, (torch.float32,), compiled=False))
        fast = rival_modes(make, fast_dtypes(settings.device), settings.compile_too)
        trials.choose(f"{name} fastest", fast)
        if settings.on_onnx:
            found.not_tried[name] = NOT_TRIED
    for other in deeper:
        found.builders[f"exact R{other}"] = partial(build_ours, other, settings.device)
        same = torch_modes(other, settings.device, settings.compile_too)
        if found.modes.get("fastest", EXACT.name) not in same:
            same = failures.attempt(f"export R{other}", partial(export, other)) or {}
        if found.modes.get("fastest") in same:
            found.builders[f"fastest R{other}"] = same[found.modes["fastest"]]
    return found


def _asked_for(mode: str | None, ours: dict[str, Builder]) -> dict[str, Builder]:
    """One of our modes, or all of them."""
    if mode is None:
        return ours
    if mode not in ours:
        raise ValueError(f"mode: expected one of {list(ours)}, got {mode!r}")
    return {mode: ours[mode]}


def _rivals(settings: BenchmarkSettings) -> dict[str, Callable[..., Contestant]]:
    """Builders that take `running`; all go through the same trials."""
    makes: dict[str, Callable[..., Contestant]] = {
        "Mask R-CNN": partial(MaskRCNN, settings.size, settings.device),
        "FCOS": partial(FCOS, settings.size, settings.device),
    }
    if find_spec("ultralytics") is not None:
        makes["YOLO11m-seg, network"] = partial(YoloSeg, settings.size, settings.device)
    return makes


@dataclass(frozen=True)
class _Trials:
    """Fills a line-up."""

    lineup: Lineup
    workload: Workload
    failures: Failures

    def choose(self, title: str, candidates: Mapping[str, Builder]) -> None:
        """Enters the fastest of several modes, by a short trial; none where none runs."""
        work = {}
        for mode, build in candidates.items():
            run = self.failures.attempt(f"trial {title}, {mode}", partial(self._started, build))
            if run is not None:
                work[mode] = run

        def failed(mode: str, error: Exception) -> None:
            """Of a later frame."""
            self.failures.note(f"trial {title}, {mode}", error)

        times = time_in_turn(work, TRIAL_ROUNDS, 2, failed=failed)
        medians = {mode: timing.median for mode, timing in times.items()}
        self.lineup.trials_ms[title] = medians
        if medians:
            best = min(medians, key=lambda mode: medians[mode])
            log.info("%s: %s of %s", title, best, medians)
            self.lineup.modes[title] = best
            self.lineup.builders[title] = candidates[best]

    def _started(self, build: Builder) -> Callable[[], None]:
        """What runs one frame, after its first one."""
        run = self.workload.call(Entry(build(), 10))
        run()
        return run


class Failures:
    """Reasons by what failed.

    Attributes:
        reasons: one line each.
    """

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def attempt(self, what: str, work: Callable[[], T]) -> T | None:
        """What the work returns; None where it fails, and the reason is kept.

        Args:
            what: for the reasons.
            work: networks, compilers and runtimes of others: any exception ends just this.
        """
        try:
            return work()
        except Exception as error:
            self.note(what, error)
            return None

    def note(self, what: str, error: Exception) -> None:
        """Keeps a reason; a second one for the same is dropped."""
        lines = str(error).splitlines()
        reason = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
        log.warning("%s: does not run here: %s", what, reason)
        self.reasons.setdefault(what, reason)
