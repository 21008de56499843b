"""The peak of memory is that of frames, not of the start."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks.memory import running_peak

MEGABYTES = 200
IMAGE = np.zeros((64, 96, 3), dtype=np.uint8)


class Greedy:
    """Takes memory for a moment: where it is built, in its first frame, or in all.

    Args:
        when: start, first or all.
        kept: megabytes that it holds on to, as weights are.
    """

    network = None
    num_parameters = 0
    before_encoding = "nothing"

    def __init__(self, when: str, kept: int = 0) -> None:
        self.when, self.frames = when, 0
        self.weights = taken(kept)
        if when == "start":
            taken(MEGABYTES)

    def force(self, forced) -> None:
        self.count = len(forced.labels)

    def detect(self, image):
        if self.when == "all" or (self.when == "first" and self.frames == 0):
            taken(MEGABYTES)
        self.frames += 1

    def encode(self, found, image):
        return []


def taken(megabytes: int) -> np.ndarray:
    return np.ones(megabytes * 2**20, dtype=np.uint8)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("when", "kept", "expected"),
    [
        ("never", 0, 0),
        ("start", 0, 0),
        ("first", 0, 0),
        ("all", 0, MEGABYTES),
        ("first", MEGABYTES, MEGABYTES),
    ],
)
def test_only_what_later_frames_take_counts_and_what_is_kept(when, kept, expected):
    peak = running_peak(lambda: Greedy(when, kept), IMAGE, 3)
    assert peak == pytest.approx(expected, abs=MEGABYTES / 4)
