"""DAVIS 2016, 2017 and YouTube-VOS, written here by Pillow."""

from __future__ import annotations

import json

import numpy as np
import pytest
from labelled_builders import write_images
from PIL import Image

from sgnet.conversion.davis import read_davis
from sgnet.ops.rle import decode
from sgnet.records import Video

SIZE = (6, 8)


def write_png(path, image, palette=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(image, np.uint8))
    if palette:
        picture.putpalette([value for index in range(256) for value in (index, 0, 255 - index)])
    picture.save(path)


def frame(**places):
    """An index image; a keyword is a name and its value (index, column)."""
    image = np.zeros(SIZE, np.uint8)
    for index, column in places.values():
        image[1:4, column] = index
    return image


def data_set(root, frames, video="bär", palette=True, more=()):
    """Annotations for the frames {stem: index image}, images for these and some more."""
    for stem, image in frames.items():
        write_png(root / "Annotations" / video / f"{stem}.png", image, palette)
    names = tuple(f"{video}/{stem}.jpg" for stem in [*frames, *more])
    write_images(root / "JPEGImages", [Video(1, 8, 6, len(names), names)])
    return root


def read_one(root, **options):
    (video,) = read_davis(root, **options).videos
    return video


def test_a_video_without_objects_has_its_frames(tmp_path):
    video = read_one(data_set(tmp_path, {"00000": frame(), "00001": frame()}))
    assert (video.name, video.objects) == ("bär", ())
    assert video.file_names == ("bär/00000.jpg", "bär/00001.jpg")


def test_a_single_frame_is_a_video(tmp_path):
    video = read_one(data_set(tmp_path, {"00007": frame(a=(4, 2))}))
    (item,) = video.objects
    assert item.category == "object"
    assert (decode(item.masks[0]) == (frame(a=(4, 2)) == 4)).all()


def test_void_is_left_out_and_objects_come_and_go(tmp_path):
    frames = {"00000": frame(a=(1, 0), v=(255, 5)), "00001": frame(b=(2, 3)), "00002": frame()}
    video = read_one(data_set(tmp_path, frames))
    first, second = video.objects
    assert [mask is None for mask in first.masks] == [False, True, True]
    assert [mask is None for mask in second.masks] == [True, False, True]
    assert (decode(first.masks[0]) == (frames["00000"] == 1)).all()


def test_in_grey_files_of_two_levels_255_is_the_object(tmp_path):
    frames = {"00000": frame(), "00001": frame(a=(255, 4))}
    (item,) = read_one(data_set(tmp_path / "a", frames, palette=False)).objects
    assert item.masks[0] is None
    assert decode(item.masks[1]).sum() == 3
    mixed = {"00000": frame(a=(1, 2)), "00001": frame(a=(255, 4))}
    (item,) = read_one(data_set(tmp_path / "b", mixed, palette=False)).objects
    assert item.masks[1] is None


def test_annotated_frames_decide_which_frames_a_video_has(tmp_path):
    frames = {"00005": frame(a=(1, 0)), "00010": frame()}
    video = read_one(data_set(tmp_path, frames, more=["00006", "00011"]))
    assert video.file_names == ("bär/00005.jpg", "bär/00010.jpg")


def test_youtube_vos_says_the_categories(tmp_path):
    root = data_set(tmp_path, {"0": frame(a=(1, 0), b=(2, 5))})
    objects = {"1": {"category": "penguin"}, "2": {"category": "ape"}}
    (root / "meta.json").write_text(json.dumps({"videos": {"bär": {"objects": objects}}}))
    assert [item.category for item in read_one(root).objects] == ["penguin", "ape"]


def test_a_file_says_the_categories_of_videos_and_objects(tmp_path):
    root = data_set(tmp_path, {"0": frame(a=(1, 0), b=(2, 5))})
    (tmp_path / "names.json").write_text(json.dumps({"bär": "bear", "bär/2": "ape"}))
    video = read_one(root, categories=tmp_path / "names.json")
    assert [item.category for item in video.objects] == ["bear", "ape"]
    (tmp_path / "names.json").write_text(json.dumps({"bär/2": "ape"}))
    with pytest.raises(ValueError, match=r"names.json: expected a category for object bär/1"):
        read_one(root, categories=tmp_path / "names.json")


def test_a_folder_of_the_resolution_is_found(tmp_path):
    data_set(tmp_path, {"0": frame()})
    for kind in ("Annotations", "JPEGImages"):
        (tmp_path / kind).rename(tmp_path / "480p")
        (tmp_path / kind).mkdir()
        (tmp_path / "480p").rename(tmp_path / kind / "480p")
    labelled = read_davis(tmp_path)
    assert labelled.images == tmp_path / "JPEGImages" / "480p"
    assert [video.name for video in labelled.videos] == ["bär"]
    (tmp_path / "Annotations" / "1080p" / "bär").mkdir(parents=True)
    with pytest.raises(ValueError, match="set resolution to one of"):
        read_davis(tmp_path)
    assert [video.name for video in read_davis(tmp_path, resolution="480p").videos] == ["bär"]


def test_a_list_chooses_videos(tmp_path):
    for name in ("a", "b", "c"):
        data_set(tmp_path, {"0": frame()}, video=name)
    (tmp_path / "train.txt").write_text("c\na\n")
    videos = read_davis(tmp_path, videos=tmp_path / "train.txt").videos
    assert [video.name for video in videos] == ["c", "a"]
    (tmp_path / "train.txt").write_text("c\nd\n")
    with pytest.raises(ValueError, match="train.txt: name 2: .* got d"):
        read_davis(tmp_path, videos=tmp_path / "train.txt")


def break_image(root):
    (root / "JPEGImages" / "bär" / "0.jpg").unlink()


def break_size(root):
    write_png(root / "Annotations" / "bär" / "1.png", np.zeros((4, 8)))


def break_promise(root):
    for stem in "01":
        write_png(root / "Annotations" / "bär" / f"{stem}.png", np.zeros((4, 8)))


def break_colours(root):
    Image.new("RGB", (8, 6)).save(root / "Annotations" / "bär" / "1.png")


def break_end(root):
    path = root / "Annotations" / "bär" / "1.png"
    path.write_bytes(path.read_bytes()[:-30])


def break_file(root):
    (root / "Annotations" / "bär" / "1.png").write_bytes(b"no image")


def break_suffix(root):
    write_png(root / "JPEGImages" / "bär" / "0.png", np.zeros(SIZE))


def break_all(root):
    for stem in "01":
        (root / "Annotations" / "bär" / f"{stem}.png").unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (break_image, r"0\.png: expected an image of this name in .*bär, found none"),
        (break_size, r"1\.png: size .* expected \(6, 8\) .* got \(4, 8\)"),
        (break_promise, r"0\.jpg: frame size .* expected \(4, 8\) by .*0\.png, got \(6, 8\)"),
        (break_colours, r"1\.png: expected a PNG with a palette or in grey .* mode RGB"),
        (break_end, r"1\.png: cannot be decoded"),
        (break_file, r"1\.png: cannot be read"),
        (break_suffix, r"0\.png: expected one image of each name|0\.jpg: expected one image"),
        (break_all, r"bär: expected a folder with images, found none"),
    ],
)
def test_damage_is_named(damage, words, tmp_path):
    root = data_set(tmp_path, {"0": frame(a=(1, 2)), "1": frame(a=(1, 2))})
    assert len(read_one(root).objects) == 1
    damage(root)
    with pytest.raises(ValueError, match=words):
        read_one(root)


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ({}, r"meta.json: videos must be an object \{...\}, got nothing"),
        ({"videos": {"bär": []}}, r"meta.json: videos\['bär'\] must be an object"),
        (
            {"videos": {"bär": {"objects": {"1": {}}}}},
            r"objects\['1'\]: category must be a non-empty",
        ),
        ({"videos": {"bär": {"objects": {}}}}, "expected a category for object bär/1, got none"),
    ],
)
def test_malformed_meta_is_refused(meta, words, tmp_path):
    root = data_set(tmp_path, {"0": frame(a=(1, 2))})
    (root / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(ValueError, match=words):
        read_one(root)
