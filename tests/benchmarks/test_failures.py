"""What fails ends nothing but itself."""

from __future__ import annotations

import json
import os
from functools import partial

import numpy as np
import pytest
import torch

from benchmarks import compare as comparison
from benchmarks import lineup
from benchmarks.compare import compare
from benchmarks.contestants import Builder
from benchmarks.figures import growth, ratios
from benchmarks.lineup import BenchmarkSettings, Failures, Lineup, _Trials, line_up
from benchmarks.memory import peak_memory
from benchmarks.timing import Timing, time_in_turn
from benchmarks.workload import Workload

SETTINGS = BenchmarkSettings((64, 96), rounds=3, warmup=1)


class Stub:
    """Does nothing up to so many instances, and fails from there on.

    Args:
        most: instances that it can take.
        before_failing: frames with more that go well all the same.
    """

    before_encoding = "nothing"
    num_parameters = 4

    def __init__(self, most: int = 1000, before_failing: int = 0) -> None:
        self.network = torch.nn.Linear(2, 2)
        self.most, self.left = most, before_failing

    def force(self, forced) -> None:
        self.count = len(forced.labels)

    def detect(self, image):
        if self.count > self.most:
            self.left -= 1
            if self.left < 0:
                raise MemoryError(f"no memory for {self.count}\nand more lines")

    def encode(self, found, image):
        return []


def refuses():
    raise RuntimeError("no such precision here")


def with_lineup(monkeypatch, builders: dict[str, Builder]) -> None:
    monkeypatch.setattr(comparison, "line_up", lambda *_: Lineup(builders, dict.fromkeys(builders)))


@pytest.mark.parametrize("late", [0, 3])
def test_a_benchmark_keeps_the_timings_of_the_others(monkeypatch, late):
    builders = {"exact": Stub, "fastest": Stub, "FCOS": refuses}
    builders["Mask R-CNN"] = partial(Stub, 99, late)
    with_lineup(monkeypatch, builders)

    def dies(build, image, count):
        if build is Stub and count == 100:
            raise OSError("child is gone")
        return 5.0

    monkeypatch.setattr(comparison, "peak_memory", dies)
    figures = compare(SETTINGS)
    assert figures["milliseconds"]["Mask R-CNN 100"] is None
    assert figures["milliseconds"]["Mask R-CNN 10"] is not None
    assert figures["milliseconds"]["exact 200"] is not None
    assert figures["exact"]["maskrcnn_100_over_ours"] is None
    assert figures["exact"]["maskrcnn_10_over_ours"] is not None
    assert figures["exact"]["ours_over_fcos"] is None
    assert figures["exact"]["growth_100_over_1"] is not None
    memory = figures["memory_mb"]
    assert (memory["exact 10"], memory["exact 100"], memory["Mask R-CNN 100"]) == (5.0, None, 5.0)
    assert figures["failures"] == {
        "build FCOS": "RuntimeError: no such precision here",
        "Mask R-CNN 100": "MemoryError: no memory for 100",
        "Mask R-CNN 100, nothing": "MemoryError: no memory for 100",
        "memory exact 100": "OSError: child is gone",
        "memory fastest 100": "OSError: child is gone",
    }
    json.dumps(figures, allow_nan=False)


def test_a_child_that_dies_while_memory_is_measured_is_a_failure():
    failures, image = Failures(), np.zeros((8, 8, 3), dtype=np.uint8)
    dying = partial(peak_memory, partial(os._exit, 1), image, 1)
    assert failures.attempt("memory x", dying) is None
    assert failures.reasons["memory x"].startswith("BrokenProcessPool")


def test_modes_that_do_not_run_lose_their_trial_and_are_named():
    found, failures = Lineup(), Failures()
    trials = _Trials(found, Workload((64, 96), "cpu"), failures)
    trials.choose("a", {"no build": refuses, "runs": Stub, "stops later": partial(Stub, 9, 1)})
    trials.choose("b", {"no build": refuses})
    assert found.modes == {"a": "runs"}
    assert set(found.builders) == {"a"}
    assert set(failures.reasons) == {
        "trial a, no build",
        "trial a, stops later",
        "trial b, no build",
    }


def test_a_mode_can_be_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(lineup, "torch_modes", lambda *_: {"quick": Stub, "slow": Stub})
    size = (64, 96)

    def asked(mode):
        settings = BenchmarkSettings(size, onnx_too=False, depths=(50,), mode=mode, rivals=False)
        return line_up(settings, Workload(size, "cpu"), Failures(), tmp_path)

    assert asked("slow").modes["fastest"] == "slow"
    assert set(asked("slow").trials_ms["fastest"]) == {"slow"}
    assert set(asked(None).trials_ms["fastest"]) == {"quick", "slow"}
    with pytest.raises(ValueError, match=r"mode: expected one of \['quick', 'slow'\], got 'int4'"):
        asked("int4")


def test_timing_ends_with_a_failure_that_nobody_takes():
    with pytest.raises(RuntimeError, match="no such precision"):
        time_in_turn({"a": refuses}, 1, 0)


def test_figures_of_what_failed_are_none():
    times = {"Mask R-CNN 10": Timing(4, 4, 4, (4.0,)), "fastest 10": None}
    times |= {"fastest 1": Timing(2, 2, 2, (2.0,)), "fastest 100": None}
    times |= {"fastest 200": Timing(3, 3, 3, (3.0,))}
    assert set(ratios(times, "fastest").values()) == {None}
    assert growth(times, "fastest") == {
        "growth_100_over_1": None,
        "growth_100_over_1_quartiles": None,
        "growth_200_over_1": 1.5,
        "growth_200_over_1_quartiles": [1.5, 1.5],
    }
    assert ratios({"exact 10": None}, "exact") == {}
