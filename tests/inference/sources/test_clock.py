from __future__ import annotations

import logging
from fractions import Fraction

import av
import numpy as np
import pytest

from sgnet.inference.sources import open_source
from sgnet.inference.sources.clock import RisingClock

CLOCKS = {
    "no frame": ([], []),
    "no times": ([None, None], [None, None]),
    "a late start": ([3.0, 3.1], [0, 0.1]),
    "a variable rate": ([0.0, 0.04, 0.5, 0.51], [0, 0.04, 0.5, 0.51]),
    "one missing": ([0.0, None, 0.2], [0, 0.1, 0.2]),
    "the last ones missing": ([0.0, None, None], [0, 0.1, 0.2]),
    "equal times": ([0.0, 0.0, 0.3], [0, 0.1, 0.3]),
    "a short way back": ([0.0, 0.3, 0.2, 0.6], [0, 0.3, 0.4, 0.6]),
    "set back": ([5.0, 15.0, 0.0, 2.0], [0, 10, 10.1, 12.1]),
    "set back twice": ([0.0, 9.0, 0.0, 9.0, 0.0], [0, 9, 9.1, 18.1, 18.2]),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_times_start_at_zero_and_rise(clock):
    given, expected = CLOCKS[clock]
    rising = RisingClock("a.ts", 10.0)
    assert [rising.time(t, i) for i, t in enumerate(given)] == pytest.approx(expected)


def encoded(path, count, **options):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.options = options
        for number in range(count):
            image = np.full((48, 64, 3), 10 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_an_avi_with_b_frames_has_the_times_of_display(tmp_path, caplog):
    frames = list(open_source(encoded(tmp_path / "a.avi", 12, bf="3")))
    assert [f.time for f in frames] == pytest.approx(np.arange(12) / 25)
    assert caplog.messages == []


def test_joined_transport_streams_go_on_and_that_is_said_once(tmp_path, caplog):
    part = encoded(tmp_path / "part.ts", 10, bf="0").read_bytes()
    (tmp_path / "all.ts").write_bytes(3 * part)
    with caplog.at_level(logging.WARNING):
        frames = list(open_source(tmp_path / "all.ts"))
    assert [f.time for f in frames] == pytest.approx(np.arange(30) / 25)
    assert sum("clock goes back" in message for message in caplog.messages) == 1
