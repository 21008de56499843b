from __future__ import annotations

import logging
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.stream import Disposition

from sgnet.inference.sources import SourceError, open_source
from sgnet.inference.sources.film import film_of, pixel_width, square_width

DEFAULT, COVER, PLAIN = Disposition.default, Disposition.attached_pic, Disposition(0)


def stream(index, width=64, frames=10, disposition=PLAIN, ratio=None, decoded=True):
    return SimpleNamespace(
        index=index,
        width=width,
        height=48,
        frames=frames,
        disposition=disposition,
        sample_aspect_ratio=ratio,
        codec_context=SimpleNamespace(name="codec") if decoded else None,
    )


def container(*streams):
    return SimpleNamespace(streams=SimpleNamespace(video=streams))


@pytest.mark.parametrize(
    ("streams", "taken"),
    [
        ([stream(3)], 3),
        ([stream(0, disposition=COVER | DEFAULT, width=4000, frames=0), stream(1)], 1),
        ([stream(0, 4000, disposition=Disposition.timed_thumbnails), stream(1)], 1),
        ([stream(0, 4000), stream(1, 64, disposition=DEFAULT)], 1),
        ([stream(0, 64), stream(1, 128), stream(2, 96)], 1),
        ([stream(0), stream(1)], 0),
        ([stream(0, 4000, frames=1, disposition=DEFAULT), stream(1)], 1),
        ([stream(0, 4000, decoded=False), stream(1)], 1),
    ],
)
def test_the_film_is_the_default_or_else_the_largest_and_never_a_picture(streams, taken):
    assert film_of(container(*streams), "a.mp4").index == taken


def test_several_films_are_said_with_the_one_that_is_taken(caplog):
    with caplog.at_level(logging.WARNING):
        film_of(container(stream(0, disposition=COVER), stream(1)), "a.mp4")
        film_of(container(stream(0), stream(1, frames=1)), "a.mp4")
        assert not caplog.text
        film_of(container(stream(0), stream(2, 128)), "a.mp4")
    assert "a.mp4: of several video streams, 0 (codec 64 x 48), 2 (codec 128 x 48), 2 is taken" in (
        caplog.text
    )


@pytest.mark.parametrize("wanted", [0, 2])
def test_a_stream_that_is_asked_for_is_taken_without_a_word(wanted, caplog):
    streams = container(stream(0, disposition=COVER), stream(1), stream(2))
    assert film_of(streams, "a.mp4", wanted).index == wanted
    assert not caplog.text


@pytest.mark.parametrize("wanted", [1, -1, True, "0", 0.0, [0]])
def test_a_stream_that_is_no_video_is_refused_with_those_that_are(wanted):
    with pytest.raises(
        SourceError, match=r"a.mp4: stream expected one of 0 \(codec 64 x 48\), got"
    ):
        film_of(container(stream(0)), "a.mp4", wanted)


@pytest.mark.parametrize(
    "streams", [[], [stream(0, disposition=COVER)], [stream(0, decoded=False)]]
)
def test_without_a_film_there_is_no_video(streams):
    with pytest.raises(SourceError, match="a.mp4: expected a video stream, got"):
        film_of(container(*streams), "a.mp4")


@pytest.mark.parametrize(
    "giant", [stream(0, 60_000), stream(0, 16_384, ratio=Fraction(2))], ids=["stored", "shown"]
)
def test_giants_are_refused_before_a_frame_is_decoded(giant):
    with pytest.raises(SourceError, match="a.mp4: stream 0 is too large; expected at most"):
        film_of(container(giant), "a.mp4")


@pytest.mark.parametrize(
    ("width", "ratio", "expected"),
    [
        (720, None, 720),
        (720, Fraction(0), 720),
        (720, Fraction(1), 720),
        (720, Fraction(16, 15), 768),
        (720, Fraction(8, 9), 640),
        (1440, Fraction(4, 3), 1920),
        (1, Fraction(1, 4), 1),
        (854, Fraction(1280, 1281), 854),
        (720, Fraction(1000), 720),
        (720, Fraction(1, 1000), 720),
        (720, Fraction(-1), 720),
    ],
)
def test_frames_are_as_wide_as_players_show_them(width, ratio, expected):
    assert square_width(width, pixel_width(stream(0, ratio=ratio), "a.mp4")) == expected


def write(path, streams, ratio=None):
    """H.264 or JPEG streams (codec, size, disposition, frames); each frame's halves differ."""
    with av.open(str(path), "w") as file:
        added = []
        for codec, size, disposition, frames in streams:
            one = file.add_stream(codec, rate=10)
            one.height, one.width = size
            one.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            one.disposition = disposition
            if ratio is not None:
                one.codec_context.sample_aspect_ratio = ratio
            added.append((one, size, frames))
        for one, (height, width), frames in added:
            picture = np.zeros((height, width, 3), np.uint8)
            picture[:, : width // 2] = 200
            for number in range(frames):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                file.mux(one.encode(frame))
            file.mux(one.encode())
    return path


def test_the_cover_of_a_file_is_not_its_film(tmp_path):
    streams = [("mjpeg", (32, 32), COVER, 1), ("libx264", (48, 64), DEFAULT, 5)]
    frames = list(open_source(write(tmp_path / "a.mp4", streams)))
    assert [frame.image.shape for frame in frames] == [(48, 64, 3)] * 5


def test_a_sound_with_a_cover_is_no_video(tmp_path):
    path = tmp_path / "a.mp4"
    streams = [("mjpeg", (32, 32), COVER, 1), ("libx264", (48, 64), DEFAULT, 5)]
    content = write(path, streams).read_bytes()
    path.write_bytes(content.replace(b"vide", b"soun"))  # the film's handler
    with pytest.raises(SourceError, match=r"expected a video stream, got only .*a picture"):
        open_source(path)


def test_the_number_of_a_stream_chooses_it(tmp_path):
    streams = [("libx264", (48, 64), DEFAULT, 5), ("libx264", (96, 128), Disposition(0), 5)]
    path = write(tmp_path / "a.mkv", streams)
    assert next(iter(open_source(path))).image.shape == (48, 64, 3)
    assert next(iter(open_source(path, stream=1))).image.shape == (96, 128, 3)


def test_pixels_are_square_unless_labels_count_the_stored_ones(tmp_path, caplog):
    path = write(tmp_path / "a.mp4", [("libx264", (48, 64), DEFAULT, 2)], Fraction(3, 2))
    image = next(iter(open_source(path))).image
    assert image.shape == (48, 96, 3)
    assert int(image[24, 40, 0]) > 150 > 50 > int(image[24, 56, 0])  # the middle is at 48
    assert not caplog.text
    assert next(iter(open_source(path, square_pixels=False))).image.shape == (48, 64, 3)
    assert "a.mp4: frames keep their pixels of 3/2 to 1, as labels count them" in caplog.text
