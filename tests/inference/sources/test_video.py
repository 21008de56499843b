from __future__ import annotations

import threading
import time
import tomllib
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from sgnet.inference.sources import SourceError, open_source


def write_video(path, times, size=(48, 64), options=None, codec="libx264", sound=0.0):
    """Grey frames at the given times in seconds, each as bright as its number says.

    `sound` seconds of silence go with them.
    """
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {"crf": "5", "bf": "0"}
        if sound:
            write_silence(container, sound)
        for number, time in enumerate(times):
            image = np.full((*size, 3), 20 * (number % 10) + 30, dtype=np.uint8)
            image[: size[0] // 4] = 255  # the upper quarter is white
            image[:, : size[1] // 8] = 0  # and a stripe at the left black
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def write_silence(container, seconds):
    stream = container.add_stream("aac", rate=8000)
    for start in range(0, round(8000 * seconds), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def test_frames_come_in_order_with_their_times(tmp_path):
    times = [0.0, 0.04, 0.2, 0.5]  # a variable frame rate
    source = open_source(write_video(tmp_path / "v.mp4", times))
    frames = list(source)
    assert source.length == 4
    assert [f.index for f in frames] == [0, 1, 2, 3]
    assert [f.time for f in frames] == pytest.approx(times, abs=1e-3)
    grey = [float(f.image[30, 30].mean()) for f in frames]
    assert grey == pytest.approx([30, 50, 70, 90], abs=6)


# (a, b, c, d) of the track header's matrix: (x, y) is shown at (a x + c y, b x + d y), y downwards
SHOWN = {
    "upright": ((1, 0, 0, 1), lambda image: image),
    "90 clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "180": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "90 back": ((0, -1, 1, 0), np.rot90),
    "mirrored": ((-1, 0, 0, 1), np.fliplr),
    "upside down": ((1, 0, 0, -1), np.flipud),
    "transposed": ((0, 1, 1, 0), lambda image: image.swapaxes(0, 1)),
    "transversed": ((0, -1, -1, 0), lambda image: np.rot90(image.swapaxes(0, 1), 2)),
}


@pytest.mark.parametrize("way", SHOWN)
def test_turning_and_mirroring_of_the_container_are_applied(tmp_path, way):
    path = write_video(tmp_path / "v.mp4", [0.0, 0.1])
    stored = next(iter(open_source(path))).image
    content = bytearray(path.read_bytes())
    (a, b, c, d), expected = SHOWN[way]
    numbers = (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 0x40000000)
    start = content.index(b"tkhd") + 4 + 40
    content[start : start + 36] = b"".join(n.to_bytes(4, "big", signed=True) for n in numbers)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(content)
    shown = next(iter(open_source(turned))).image
    np.testing.assert_array_equal(shown, expected(stored))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="nothing.mp4: source is missing"):
        open_source(tmp_path / "nothing.mp4")


def test_a_file_that_is_no_video_is_an_error(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("this is no video" * 100)
    with pytest.raises(SourceError, match="text.mp4: cannot be opened as a video"):
        open_source(path)


def test_a_video_without_its_index_is_an_error(tmp_path):
    content = write_video(tmp_path / "v.mp4", [t / 25 for t in range(50)]).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError, match="cut.mp4: cannot be opened as a video"):
        open_source(path)


def test_a_video_cut_off_behind_its_index_gives_what_is_there_and_then_an_error(tmp_path):
    times = [t / 25 for t in range(50)]
    whole = write_video(tmp_path / "v.mp4", times, options={"movflags": "faststart"})
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole.read_bytes()[: -whole.stat().st_size // 3])
    frames = []
    with pytest.raises(SourceError, match=r"cut.mp4: frame \d+: "):
        frames.extend(open_source(path))
    assert 0 < len(frames) < 50


CODECS = {"mkv": "libx264", "webm": "libvpx"}


@pytest.mark.parametrize("kept", [0.5, 0.97])
@pytest.mark.parametrize("suffix", CODECS)
def test_a_matroska_file_cut_off_gives_what_is_there_and_then_an_error(tmp_path, suffix, kept):
    times = [t / 25 for t in range(100)]
    whole = write_video(tmp_path / f"v.{suffix}", times, codec=CODECS[suffix])
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * kept)])
    frames = []
    with pytest.raises(SourceError, match=rf"cut.{suffix}: frame \d+: the file is cut off"):
        frames.extend(open_source(path))
    assert 0 < len(frames) < 100


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "ts", "avi", "flv"])
@pytest.mark.parametrize(
    "times",
    [
        [t / 25 for t in range(50)],
        [0.0, 0.04, 0.2, 0.5, 3.0, 3.04],  # a variable frame rate
        [5 + t / 25 for t in range(25)],  # a late start
        [0.0],
    ],
    ids=["even", "variable", "late", "one"],
)
def test_a_whole_file_is_no_error(tmp_path, suffix, times):
    path = write_video(tmp_path / f"v.{suffix}", times, codec=CODECS.get(suffix, "libx264"))
    assert len(list(open_source(path))) == len(times)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("sound", [0.5, 6.0])
def test_sound_may_be_longer_or_shorter_than_the_video(tmp_path, suffix, sound):
    path = write_video(tmp_path / f"v.{suffix}", [t / 25 for t in range(50)], sound=sound)
    assert len(list(open_source(path))) == 50


@pytest.fixture
def address(tmp_path):
    """Of a server that gives the folder's files."""
    handler = partial(QuietHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_a_matroska_file_cut_off_on_a_server_is_an_error_by_its_duration(tmp_path, address):
    content = write_video(tmp_path / "v.mkv", [t / 25 for t in range(100)], sound=8.0).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) * 2 // 3])
    assert len(list(open_source(f"{address}/v.mkv"))) == 100
    with pytest.raises(SourceError, match=r"the file is cut off; expected \d\.\d seconds more"):
        list(open_source(f"{address}/cut.mkv"))


def test_a_camera_that_is_not_there_is_an_error():
    with pytest.raises(SourceError, match="camera 97: cannot be opened"):
        open_source(97)


class SlowCapture:
    """Four frames of a camera, then nothing."""

    def __init__(self, clock):
        self.clock = clock
        self.left = 4

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return True

    def get(self, _):
        return 30.0

    def read(self):
        self.clock[0] += 1 / 30
        self.left -= 1
        return self.left >= 0, np.zeros((4, 4, 3), np.uint8)

    def release(self):
        pass


def test_frames_of_a_camera_carry_the_time_they_came_at(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(cv2, "VideoCapture", lambda _: SlowCapture(clock))
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    times = []

    def watch():
        for frame in open_source(0):
            times.append(frame.time)
            clock[0] += 0.3  # a network slower than the camera

    with pytest.raises(SourceError, match="frame 4: expected another frame"):
        watch()
    assert times == pytest.approx([n * (0.3 + 1 / 30) for n in range(4)])


def test_an_address_without_an_answer_is_an_error():
    with pytest.raises(SourceError, match="cannot be opened as a video"):
        open_source("http://127.0.0.1:9/none.mp4")


def test_a_source_is_opened_once_and_may_be_read_again(tmp_path, monkeypatch):
    path = write_video(tmp_path / "v.mp4", [0.0, 0.1])
    opened = []
    real = av.open
    monkeypatch.setattr(av, "open", lambda *a, **k: (opened.append(a), real(*a, **k))[1])
    source = open_source(path)
    assert len(list(source)) == 2
    assert len(opened) == 1
    assert len(list(source)) == 2


def test_the_oldest_allowed_pyav_has_what_is_used():
    """PyAV 16.1 has no `index_entries`, 14.0 no `VideoFrame.rotation`."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    (bound,) = (d for d in project["project"]["dependencies"] if d.startswith("av>="))
    assert int(bound.removeprefix("av>=").split(".")[0]) >= 17
