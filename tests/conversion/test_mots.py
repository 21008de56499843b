"""KITTI MOTS and MOTSChallenge, written here by Pillow, pycocotools and hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from labelled_builders import rectangle, write_images
from PIL import Image
from pycocotools import mask as coco_mask

from sgnet.conversion.mots import read_mots_png, read_mots_txt
from sgnet.ops.rle import decode
from sgnet.records import Category, Video

CAR = rectangle((6, 8), 0, 0, 3, 4).astype(np.uint16)
WALKER = rectangle((6, 8), 2, 5, 6, 8).astype(np.uint16)
IGNORED = rectangle((6, 8), 4, 0, 6, 2).astype(np.uint16)
STEMS = ("000005", "000006", "000007")


def counts(mask):
    return coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()


def images_of(tmp_path, nested=False):
    names = tuple(f"0002/{'img1/' if nested else ''}{stem}.png" for stem in STEMS)
    return write_images(tmp_path / "images", [Video(1, 8, 6, 3, names)])


@pytest.fixture
def png(tmp_path):
    """Car 1 in frames 5 and 7, car 2 (not there), pedestrian 1 in frame 6, a region to ignore."""
    folder = tmp_path / "instances" / "0002"
    folder.mkdir(parents=True)
    frames = (CAR * 1001 + IGNORED * 10_000, WALKER * 2001, CAR * 1001)
    for stem, image in zip(STEMS, frames, strict=True):
        Image.fromarray(image).save(folder / f"{stem}.png")
    return folder.parent


@pytest.fixture
def txt(tmp_path):
    lines = [
        f"5 1001 1 6 8 {counts(CAR)}",
        f"5 10000 10 6 8 {counts(IGNORED)}",
        f"7 1001 1 6 8 {counts(CAR)}",
        "",
        f"6 2001 2 6 8 {counts(WALKER)}",
    ]
    folder = tmp_path / "instances_txt"
    folder.mkdir()
    (folder / "0002.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(("form", "read"), [("png", read_mots_png), ("txt", read_mots_txt)])
def test_objects_and_frames_are_found_and_ignored_regions_left_out(
    form, read, nested, request, tmp_path
):
    images = images_of(tmp_path, nested)
    labelled = read(request.getfixturevalue(form), images)
    (video,) = labelled.videos
    assert labelled.categories == (Category(1, "car"), Category(2, "pedestrian"))
    assert video.name == "0002"
    assert all((images / name).is_file() for name in video.file_names)
    car, walker = video.objects
    assert (car.category, walker.category) == ("car", "pedestrian")
    assert [mask is None for mask in car.masks] == [False, True, False]
    assert (decode(car.masks[2]) == CAR).all()
    assert (decode(walker.masks[1]) == WALKER).all()


def test_an_empty_text_is_a_video_without_objects(tmp_path):
    (tmp_path / "0002.txt").write_text("")
    (video,) = read_mots_txt(tmp_path / "0002.txt", images_of(tmp_path)).videos
    assert video.objects == ()
    assert len(video.file_names) == 3


def test_names_without_numbers_are_counted_from_0(tmp_path):
    names = ("0002/start.png", "0002/stop.png")
    images = write_images(tmp_path / "images", [Video(1, 8, 6, 2, names)])
    (tmp_path / "0002.txt").write_text(f"1 1 1 6 8 {counts(CAR)}\n")
    (video,) = read_mots_txt(tmp_path / "0002.txt", images).videos
    assert [mask is None for mask in video.objects[0].masks] == [True, False]


def test_classes_come_from_a_file_or_the_call(txt, tmp_path):
    (txt / "classes.json").write_text(json.dumps({"1": "Zug", "2": "chat"}))
    images = images_of(tmp_path)
    assert read_mots_txt(txt, images).categories == (Category(1, "Zug"), Category(2, "chat"))
    given = read_mots_txt(txt, images, {2: "b", 1: "a"})
    assert given.categories == (Category(1, "a"), Category(2, "b"))


@pytest.mark.parametrize("classes", [{"0": "x"}, {"10": "x"}, {"65": "x"}, {"a": "x"}, {"1": 3}])
def test_impossible_classes_are_refused(classes, txt, tmp_path):
    (txt / "classes.json").write_text(json.dumps(classes))
    with pytest.raises(ValueError, match=r"classes.json: expected names by class number"):
        read_mots_txt(txt, images_of(tmp_path))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("5 7 1 6 8", r"0002.txt: line 6: expected 6 fields .* got 5"),
        ("4 7 1 6 8 X", "line 6: frame must be the number of an image of .*, got 4"),
        ("x 7 1 6 8 X", "line 6: frame must be .*, got 'x'"),
        ("5 -7 1 6 8 X", "line 6: object must be an integer of at least 0, got '-7'"),
        ("5 7 3 6 8 X", r"line 6: class must be one of \[1, 2\] or 10, got 3"),
        ("6 1001 2 6 8 X", "line 6: class must be 1 as in the lines before of 1001, got 2"),
        ("5 1001 1 6 8 X", "line 6: object must be unique in a frame, got 1001 again"),
        ("5 7 1 7 8 X", "line 6: height and width must be those of the images, 6 8, got 7 8"),
        ("5 7 1 6 8 X", "line 6: counts must"),
        ("5 7 1 6 8 \u00fc", "expected plain text"),
    ],
)
def test_a_malformed_line_is_named(line, words, txt, tmp_path):
    path = txt / "0002.txt"
    path.write_text(path.read_text() + line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        list(read_mots_txt(txt, images_of(tmp_path)).videos)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_line(encoding, txt, tmp_path):
    images, path = images_of(tmp_path), txt / "0002.txt"
    (plain,) = read_mots_txt(txt, images).videos
    path.write_text(path.read_text(), encoding=encoding)
    if encoding == "utf-16":
        with pytest.raises(ValueError, match=r"0002\.txt: expected .* in UTF-8, got UTF-16"):
            list(read_mots_txt(txt, images).videos)
        return
    (video,) = read_mots_txt(txt, images).videos
    assert video == plain


def test_an_unknown_class_in_a_png_is_named(png, tmp_path):
    Image.fromarray(CAR * 3001).save(png / "0002" / "000006.png")
    with pytest.raises(ValueError, match=r"000006.png: pixels expected .* of \[1, 2\], got 3001"):
        list(read_mots_png(png, images_of(tmp_path)).videos)


def test_nothing_to_read_is_said(tmp_path):
    images = images_of(tmp_path)
    with pytest.raises(ValueError, match="expected a text file or a folder of them"):
        read_mots_txt(tmp_path / "none", images)
    with pytest.raises(ValueError, match="expected a folder, found none"):
        read_mots_png(tmp_path / "none", images)
