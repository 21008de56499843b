from __future__ import annotations

import logging
import math

import av
import numpy as np
import pytest

from sgnet.visualization.video_file import Mp4Writer, playable_rate

HOUR = 3600.0
CLOCKS = {
    "no times": ([None] * 4, [0, 0.04, 0.08, 0.12]),
    "even": ([0.0, 0.1, 0.2, 0.3], [0, 0.1, 0.2, 0.3]),
    "a late start": ([3.0, 3.5], [0, 0.5]),
    "one an hour": ([0.0, HOUR, 2 * HOUR], [0, 10, 20]),
    "a gap of 7 hours": ([0.0, 0.1, 7 * HOUR, 7 * HOUR + 0.5], [0, 0.1, 10.1, 10.6]),
    "a gap of 300 years": ([0.0, 1e10, 1e10 + 1], [0, 10, 11]),
    "seconds since 1970": ([1.7e9, 1.7e9 + 0.5], [0, 0.5]),
    "equal times": ([0.0] * 4, [0, 0.04, 0.08, 0.12]),
    "some missing": ([0.0, None, 0.5, None], [0, 0.04, 0.5, 0.54]),
    "backwards": ([1.0, 2.0, 0.0, 0.5, 3.0], [0, 1, 1.04, 1.08, 2]),
    "no numbers": ([math.nan, math.inf, -math.inf], [0, 0.04, 0.08]),
    "before the start": ([-5.0, -4.5], [0, 0.5]),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_every_clock_gives_a_video_that_plays(tmp_path, clock):
    times, expected = CLOCKS[clock]
    with Mp4Writer(tmp_path / "v.mp4", 25) as writer:
        for number, time in enumerate(times):
            writer.write(np.full((48, 64, 3), 40 * number, np.uint8), time)
    with av.open(str(tmp_path / "v.mp4")) as container:
        shown = [frame.time for frame in container.decode(video=0)]
    assert [time - shown[0] for time in shown] == pytest.approx(expected, abs=1e-3)


def test_a_gap_that_is_shortened_is_said_once(tmp_path, caplog):
    with caplog.at_level(logging.WARNING), Mp4Writer(tmp_path / "v.mp4", 25) as writer:
        for time in (0.0, HOUR, 2 * HOUR):
            writer.write(np.zeros((48, 64, 3), np.uint8), time)
    (record,) = caplog.records
    assert "v.mp4: frame 1: 3600.0 s without a frame, of which the video shows 10" in (
        record.getMessage()
    )


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        (25, 25),
        (30000 / 1001, 30000 / 1001),
        (1 / HOUR, 0.1),
        (90_000, 1000),
        (0, 25),
        (-1, 25),
        (math.nan, 25),
        (math.inf, 25),
    ],
)
def test_a_rate_is_one_that_can_be_written(tmp_path, given, rate):
    assert float(playable_rate(given)) == pytest.approx(rate)
    with Mp4Writer(tmp_path / "v.mp4", given) as writer:
        for _ in range(3):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    assert (tmp_path / "v.mp4").is_file()


@pytest.mark.parametrize(
    ("size", "shown"), [((1, 1), (2, 2)), ((1, 6), (2, 6)), ((5, 1), (4, 2)), ((7, 5), (6, 4))]
)
def test_pictures_of_any_size_are_written(tmp_path, size, shown):
    with Mp4Writer(tmp_path / "a.mp4", 10) as writer:
        writer.write(np.full((*size, 3), 200, np.uint8))
    with av.open(str(tmp_path / "a.mp4")) as video:
        (frame,) = (f.to_ndarray(format="rgb24") for f in video.decode(video=0))
    assert frame.shape[:2] == shown
    assert abs(int(frame.mean()) - 200) < 8
