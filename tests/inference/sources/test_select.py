from __future__ import annotations

import logging
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sgnet.inference.sources import SourceError, open_source
from sgnet.inference.sources.images import ImageFiles, ImagePages
from sgnet.inference.sources.video import Camera, VideoFile


def write_gif(path, count=3):
    """A video that FFmpeg reads by its content, whatever its name."""
    images = [Image.fromarray(np.full((8, 12, 3), 40 * n, np.uint8)) for n in range(count)]
    path.parent.mkdir(parents=True, exist_ok=True)
    images[0].save(path, "GIF", save_all=True, append_images=images[1:], duration=100)
    return path


def write_images(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), np.zeros((4, 6, 3), np.uint8))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "2024-05-01T12:30:45.mp4",
        "http:a.mp4",
        "rtsp://host/a.mp4",
        "file:a.mp4",
        "concat:a.mp4",
        "camera:a.mp4",
        "a[1].mp4",
        "a%20b.mp4",
        "12",
        "Ünïcode (1), it's = ~#.mp4",
    ],
)
def test_a_file_that_is_there_is_a_file_whatever_its_name(here, name):
    write_gif(here / name)
    for source in (name, Path(name), here / name):
        assert len(list(open_source(source))) == 3


def test_a_file_address_is_the_file(here):
    path = write_gif(here / "a b.mp4")
    assert len(list(open_source(path.as_uri()))) == 3


@pytest.mark.parametrize("name", ["", "x:1.mp4", "a\0b.mp4", "a" * 5000, "concat:a.gif|a.gif", "²"])
def test_what_is_not_there_is_named(here, name):
    write_gif(here / "a.gif")
    with pytest.raises(SourceError, match=r"source is missing|found none"):
        open_source(name)


def test_an_address_of_another_kind_is_refused_with_those_that_are_read():
    with pytest.raises(SourceError, match=r"subfile://a: expected a file, or an address of http,"):
        open_source("subfile://a")


def opened_cameras(monkeypatch):
    class Capture:
        def isOpened(self):  # noqa: N802 - OpenCV's name
            return True

        def get(self, _):
            return 0.0

    opened = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: opened.append(number) or Capture())
    return opened


@pytest.mark.parametrize("source", [12, "12", "camera:12"])
def test_a_number_without_a_file_of_this_name_is_a_camera(here, monkeypatch, source):
    opened = opened_cameras(monkeypatch)
    assert isinstance(open_source(source), Camera)
    assert opened == [12]


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_file_or_folder_with_a_number_for_a_name_is_read_and_said(
    here, monkeypatch, caplog, is_folder
):
    opened = opened_cameras(monkeypatch)
    if is_folder:
        write_images(here, ["12/0.png"])
    else:
        write_gif(here / "12")
    with caplog.at_level(logging.WARNING):
        assert isinstance(open_source("12"), ImageFiles if is_folder else VideoFile)
    assert "source 12: the file or folder of this name is read; the camera is camera:12" in (
        caplog.text
    )
    caplog.clear()
    open_source("./12")
    assert not caplog.text
    open_source(12)
    open_source("camera:12")
    assert opened == [12, 12]


@pytest.mark.parametrize("number", [-1, 10_000, 2**40])
def test_no_camera_has_such_a_number(number):
    with pytest.raises(SourceError, match=rf"camera {number}: cannot be opened; expected a number"):
        open_source(number)


def test_a_path_is_never_a_camera(here):
    with pytest.raises(SourceError, match="12: source is missing"):
        open_source(Path("12"))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["a.png"]),
        ("**/*.png", ["a.png", "b.png"]),
        (".*.png", ["._a.png"]),
        ("__MACOSX/*.png", ["c.png"]),
        ("../here/*.png", ["a.png"]),
    ],
)
def test_a_pattern_takes_hidden_files_only_where_it_names_them(
    tmp_path, monkeypatch, pattern, expected
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_images(Path(), ["a.png", "._a.png", "sub/b.png", "__MACOSX/c.png"])
    assert [frame.name for frame in open_source(pattern)] == expected


def test_a_folder_gives_its_visible_images(tmp_path):
    write_images(tmp_path, ["000.png", "._000.png", "001.png"])
    assert [frame.name for frame in open_source(tmp_path)] == ["000.png", "001.png"]


@pytest.mark.parametrize("form", ["TIFF", "PNG", "WEBP"])
def test_a_file_of_several_images_is_a_video(tmp_path, form):
    path = tmp_path / f"a.{form.lower()}"
    write_gif(tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        image.save(path, form, save_all=True, **({"lossless": True} if form == "WEBP" else {}))
    source = open_source(path)
    frames = list(source)
    assert isinstance(source, ImagePages)
    assert source.length == len(frames) == 3
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0, 40, 80]
    times = [None] * 3 if form == "TIFF" else pytest.approx([0.0, 0.1, 0.2])
    assert [frame.time for frame in frames] == times


def test_pages_of_different_sizes_are_named(tmp_path):
    pages = [Image.fromarray(np.zeros((*size, 3), np.uint8)) for size in ((4, 6), (4, 6), (6, 4))]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(SourceError, match=r"a.tif: frame 2 .*expected 6 x 4 .*got 4 x 6"):
        list(open_source(tmp_path / "a.tif"))


def test_a_stream_is_chosen_of_videos_alone(tmp_path):
    write_images(tmp_path, ["0.png"])
    with pytest.raises(SourceError, match="stream must be left out"):
        open_source(tmp_path, stream=0)
    assert len(list(open_source(write_gif(tmp_path / "a.gif"), stream=0))) == 3


@pytest.mark.parametrize("form", [str, Path, lambda path: next(os.scandir(path.parent))])
def test_a_path_may_have_any_form_that_python_knows(tmp_path, form):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((4, 6, 3), np.uint8))
    (frame,) = open_source(form(tmp_path / "a.png"))
    assert frame.image.shape == (4, 6, 3)


@pytest.mark.parametrize("given", [None, 1.5, "", " ", b"a.mp4", {}, True, object()])
def test_what_is_no_source_is_refused_by_its_kind(given):
    with pytest.raises(SourceError, match="source must be a path, address, camera or arrays, got"):
        open_source(given)


def test_a_pair_of_a_flag_and_an_image_is_no_frame():
    with pytest.raises(SourceError, match="frame 0: expected an RGB image .* got a tuple"):
        list(open_source([(True, np.zeros((4, 6, 3), np.uint8))]))


def test_numbers_of_numpy_are_cameras():
    with pytest.raises(SourceError, match="camera 9876"):
        open_source(np.int64(9876))


class Named:
    """A path that is no Path, as py.path gives."""

    def __init__(self, path):
        self._path = path

    def __fspath__(self):
        return str(self._path)


def test_everything_with_the_name_of_a_path_is_one(tmp_path):
    write_gif(tmp_path / "v.gif")
    assert len(list(open_source(Named(tmp_path / "v.gif")))) == 3


@pytest.mark.parametrize("given", ["v.mp4", "frames", "frames/*.jpg", "frames/0.jpg"])
def test_a_source_stays_what_it_was_when_the_current_folder_changes(here, monkeypatch, given):
    write_gif(here / "v.mp4")
    write_images(here, ["frames/0.jpg"])
    source = open_source(given)
    (here / "below").mkdir()
    before = len(list(source))
    monkeypatch.chdir(here / "below")
    assert len(list(source)) == before == len(list(source))
