from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from sgnet.inference.sources import SourceError, open_source
from sgnet.inference.sources.damage import Damage

REGULAR = [n / 25 for n in range(40)]
CLOCKS = {
    "no frame": ([], 0),
    "one": ([0.0], 0),
    "no times": ([None] * 20, 0),
    "too few to know": ([0.0, 0.04, 0.4], 0),
    "regular": (REGULAR, 0),
    "three lost": (REGULAR[:10] + REGULAR[13:], 3),
    "lost at two places": (REGULAR[:10] + REGULAR[11:30] + REGULAR[32:], 3),
    "rounded to milliseconds": ([round(n / 29.97, 3) for n in range(60)], 0),
    "a variable rate": ([n**1.5 / 25 for n in range(40)], 0),
    "a screen that moves now and then": ([n * (n + 1) / 50 for n in range(40)], 0),
    "equal times": ([0.0] * 20, 0),
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_frames_are_missed_in_a_regular_clock_alone(clock):
    times, lost = CLOCKS[clock]
    damage = Damage()
    for time in times:
        damage.add(time, False)
    assert damage.lost() == lost
    assert len(damage.findings(None)) == (lost > 0)


def write_noise(path, codec, options):
    """40 frames that need some bytes each."""
    noise = np.random.default_rng(0).integers(0, 255, (150, 180, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.options = 64, 96, "yuv420p", options
        for n in range(40):
            image = np.ascontiguousarray(noise[n : n + 64, n : n + 96])
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "codec"),
    [("v.ts", "libx264"), ("v.mkv", "ffv1"), ("v.avi", "mpeg4"), ("v.avi", "libx264")],
)
def test_a_file_with_a_hole_is_never_read_without_a_word(tmp_path, caplog, name, codec):
    path = write_noise(tmp_path / name, codec, {"g": "10"})
    assert len(list(open_source(path))) == 40
    assert caplog.messages == []
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    path.write_bytes(data)
    try:
        assert len(list(open_source(path))) <= 40
    except SourceError:
        return
    assert any("expected a whole video" in message for message in caplog.messages)


def test_frames_that_a_list_of_edits_hides_are_no_damage(tmp_path, caplog):
    path = tmp_path / "cut.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for image in np.random.default_rng(0).integers(0, 255, (12, 64, 96, 3), dtype=np.uint8):
            container.mux(earlier(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24"))))
        container.mux(earlier(stream.encode()))
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 12
    assert len(list(open_source(path))) == 8
    assert not caplog.records


def earlier(packets):
    """Times 0.4 s earlier, which mp4 turns into a list of edits."""
    for packet in packets:
        packet.pts -= int(Fraction(4, 10) / packet.time_base)
        packet.dts = packet.pts
    return packets
