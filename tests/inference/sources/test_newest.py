"""Who is late gets the newest frame of a live source."""

import threading
import time

import numpy as np
import pytest

from sgnet.inference.sources import SourceError, SourceFrame, newest_frames, prefetched


def frame(index: int) -> SourceFrame:
    return SourceFrame(index, np.zeros((1, 1, 3), np.uint8), index / 10, f"frame {index}")


def test_frames_that_came_meanwhile_are_dropped_and_indices_have_no_gaps():
    go_on, all_there = threading.Event(), threading.Event()

    def source():
        yield frame(0)
        go_on.wait(10)
        for index in range(1, 6):
            yield frame(index)
        all_there.set()

    frames = newest_frames(source())
    first = next(frames)
    go_on.set()
    assert all_there.wait(10)
    rest = list(frames)
    assert first.time == 0
    assert [f.index for f in [first, *rest]] == [0, 1]
    assert rest[0].time == 0.5


def test_an_error_comes_behind_the_last_frame():
    def source():
        yield frame(0)
        raise SourceError("camera 0: gone")

    with pytest.raises(SourceError, match="gone"):
        list(newest_frames(source()))


def test_no_frame_gives_none():
    assert list(newest_frames([])) == []


def test_closing_ends_the_reading():
    ended = threading.Event()

    def source():
        try:
            index = 0
            while True:
                yield frame(index)
                index += 1
        finally:
            ended.set()

    frames = newest_frames(source())
    next(frames)
    frames.close()
    assert ended.wait(10)


def test_a_frame_prepared_when_it_is_taken_is_the_newest():
    """With `prefetched(..., 1)` it would be one of those that came long before."""
    came = [threading.Event() for _ in range(20)]
    go_on = threading.Semaphore(1)

    def source():
        for index in range(20):
            go_on.acquire(timeout=10)
            time.sleep(0.005)  # long enough for a reader ahead to take the one before
            yield frame(index)
            came[index].set()  # it lies in the slot

    prepared = prefetched((f.time for f in newest_frames(source())), 0)
    assert next(prepared) == 0
    for more, newest in ((5, 5), (7, 12), (7, 19)):
        go_on.release(more)
        assert came[newest].wait(10)
        assert next(prepared) == newest / 10
    assert list(prepared) == []
