from __future__ import annotations

import cv2
import numpy as np
import pytest

from sgnet.inference.sources import SourceError, SourceFrame, open_source


def write_images(folder, names, size=(6, 8)):
    for value, name in enumerate(names):
        image = np.full((*size, 3), 10 * value, dtype=np.uint8)
        cv2.imwrite(str(folder / name), image)


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path):
    write_images(tmp_path, ["f1.png", "f10.png", "f9.png"])
    (tmp_path / "notes.txt").write_text("no image")
    source = open_source(tmp_path)
    assert source.length == 3
    assert [frame.name for frame in source] == ["f1.png", "f9.png", "f10.png"]


def test_a_pattern_takes_the_files_that_match(tmp_path):
    write_images(tmp_path, ["a1.png", "a2.png", "b1.png"])
    assert [f.name for f in open_source(str(tmp_path / "a*.png"))] == ["a1.png", "a2.png"]


def test_images_come_as_rgb(tmp_path):
    image = np.zeros((4, 4, 3), dtype=np.uint8)
    image[..., 2] = 255  # OpenCV writes BGR: this is red
    cv2.imwrite(str(tmp_path / "red.png"), image)
    frame = next(iter(open_source(tmp_path / "red.png")))
    assert frame.image[0, 0].tolist() == [255, 0, 0]


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="found none"):
        open_source(tmp_path)


def test_a_pattern_without_files_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="found none"):
        open_source(str(tmp_path / "*.png"))


def test_an_unreadable_image_is_named_after_the_frames_before_it(tmp_path):
    write_images(tmp_path, ["f0.png", "f2.png"])
    (tmp_path / "f1.png").write_bytes(b"no image")
    frames = iter(open_source(tmp_path))
    assert next(frames).index == 0
    with pytest.raises(SourceError, match=r"frame 1: .*f1.png cannot be decoded"):
        next(frames)


def test_a_jpeg_that_is_cut_off_is_named(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "f0.jpg"), image)
    whole = (tmp_path / "f0.jpg").read_bytes()
    (tmp_path / "f1.jpg").write_bytes(whole[: len(whole) // 2])
    frames = iter(open_source(tmp_path))
    assert next(frames).index == 0
    with pytest.raises(SourceError, match=r"frame 1: .*f1.jpg is cut off"):
        next(frames)


def test_a_frame_of_another_size_is_named(tmp_path):
    write_images(tmp_path, ["f0.png"])
    cv2.imwrite(str(tmp_path / "f1.png"), np.zeros((5, 8, 3), dtype=np.uint8))
    frames = iter(open_source(tmp_path))
    next(frames)
    with pytest.raises(SourceError, match=r"frame 1 \(f1.png\): expected 8 x 6 .*got 8 x 5"):
        next(frames)


def test_arrays_come_from_lists_and_generators():
    images = [np.full((2, 2, 3), value, dtype=np.uint8) for value in range(3)]
    assert open_source(images).length == 3
    assert open_source(iter(images)).length is None
    assert [f.image[0, 0, 0] for f in open_source(iter(images))] == [0, 1, 2]


def test_no_array_at_all_is_an_error():
    with pytest.raises(SourceError, match="at least one frame"):
        list(open_source([]))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((2, 2, 3), dtype=np.float32),
        np.zeros((2, 2), dtype=np.uint8),
        np.zeros((2, 2, 4), dtype=np.uint8),
        np.zeros((0, 2, 3), dtype=np.uint8),
    ],
)
def test_arrays_that_are_no_images_are_refused(image):
    with pytest.raises(SourceError, match=r"frame 0: expected an RGB image \[H, W, 3\] of uint8"):
        list(open_source([image]))


def test_an_open_source_stays_what_it_is():
    source = open_source([np.zeros((2, 2, 3), dtype=np.uint8)])
    assert open_source(source) is source


class OwnSource:
    """Somebody else's source, which checks nothing."""

    name, length, frames_per_second, live = "own", None, 12.0, True

    def __init__(self, images):
        self.images = images

    def __iter__(self):
        for index, image in enumerate(self.images):
            yield SourceFrame(index, image, index / 12, f"picture {index}")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((2, 3, 3), np.uint8), r"own: frame 1 \(picture 1\): expected 2 x 2 .*got 3 x 2"),
        (np.zeros((2, 2, 3), np.float32), "own: frame 1: expected an RGB image .*got .*float32"),
    ],
)
def test_frames_of_a_source_of_ones_own_are_checked_too(image, message):
    source = open_source(OwnSource([np.zeros((2, 2, 3), np.uint8), image]))
    assert (source.name, source.length, source.frames_per_second, source.live) == (
        "own",
        None,
        12.0,
        True,
    )
    assert open_source(source) is source
    frames = iter(source)
    assert next(frames).time == 0
    with pytest.raises(SourceError, match=message):
        next(frames)


def test_a_flag_is_no_camera():
    with pytest.raises(SourceError, match="got True"):
        open_source(True)
