"""Splits on disk: links, copies, ids, and nothing where something is wrong."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from labelled_builders import CATEGORIES, rectangle, write_images

from sgnet.conversion.frame_files import frame_numbers, image_size, write_frames
from sgnet.conversion.labelled import LabelledObject, LabelledVideo, LabelledVideos
from sgnet.conversion.youtube_vis import save_split
from sgnet.data.annotations.youtube_vis import find_split, load_annotations
from sgnet.data.clips.frames import check_frames, read_frame
from sgnet.files.atomic_file import new_folder
from sgnet.ops.rle import encode
from sgnet.records import Category, Video
from sgnet.visualization.video_file import write_mp4

MASK = encode(rectangle((6, 8), 0, 0, 3, 3))
EMPTY = encode(np.zeros((6, 8), np.uint8))


def video(name, *objects):
    return LabelledVideo(name, 6, 8, (f"{name}/1.png",), objects)


def labelled(tmp_path, *videos, categories=None):
    names = [Video(1, 8, 6, 1, item.file_names) for item in videos]
    return LabelledVideos(write_images(tmp_path / "images", names), iter(videos), categories)


def test_without_objects_there_is_one_category(tmp_path):
    save_split(labelled(tmp_path, video("a")), tmp_path / "out", "valid")
    read = load_annotations(find_split(tmp_path / "out", "valid")[0])
    assert (read.categories, len(read), read.has_annotations) == ((Category(1, "object"),), 0, True)


def test_ids_count_over_all_videos_and_names_are_sorted(tmp_path):
    objects = (LabelledObject("b", (MASK,)), LabelledObject("a", (MASK,), crowd=True))
    unseen = (LabelledObject("b", (None,)), LabelledObject("b", (EMPTY,)))
    videos = (video("x", *objects), video("y", *unseen, objects[0]))
    save_split(labelled(tmp_path, *videos), tmp_path / "out", "train")
    read = load_annotations(tmp_path / "out" / "train.json")
    assert read.categories == (Category(1, "a"), Category(2, "b"))
    found = [(t.id, t.video_id, t.category_id, t.iscrowd) for t in read.tracks()]
    assert found == [(1, 1, 2, False), (2, 1, 1, True), (3, 2, 2, False)]


@pytest.mark.parametrize(
    ("names", "categories", "words"),
    [
        (("b", "b "), None, "a name of their own each, got 'b '"),
        (("b\n",), None, "printable names"),
        ((), (Category(1, "a"), Category(2, "a")), "a name of their own each, got 'a'"),
    ],
)
def test_categories_that_could_not_be_read_again_leave_nothing(tmp_path, names, categories, words):
    item = video("x", *(LabelledObject(name, (MASK,)) for name in names))
    source = labelled(tmp_path, item, categories=categories)
    with pytest.raises(ValueError, match=words):
        save_split(source, tmp_path / "out", "train")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["link", "copy"])
def test_frames_are_found_and_the_source_stays(place, tmp_path):
    save_split(labelled(tmp_path, video("a"), video("b")), tmp_path / "out", "train", place)
    annotations, images = find_split(tmp_path / "out", "train")
    check_frames(load_annotations(annotations).videos, images)
    assert images.is_symlink() == (place == "link")
    assert sorted(p.name for p in (tmp_path / "images").iterdir()) == ["a", "b"]


def test_several_splits_share_a_folder_but_none_is_written_over(tmp_path):
    for split in ("train", "valid"):
        save_split(labelled(tmp_path, video("a")), tmp_path / "out", split)
    with pytest.raises(ValueError, match=r"train\.json: expected a new file"):
        save_split(labelled(tmp_path, video("a")), tmp_path / "out", "train")
    (tmp_path / "out" / "train.json").unlink()
    save_split(labelled(tmp_path, video("a")), tmp_path / "out", "train")  # its link may stay
    (tmp_path / "out" / "test" / "JPEGImages").mkdir(parents=True)
    with pytest.raises(ValueError, match="JPEGImages: expected no such folder"):
        save_split(labelled(tmp_path, video("a")), tmp_path / "out", "test")


@pytest.mark.parametrize("split", ["", "../x", "a/b", ".hidden"])
def test_a_split_is_a_plain_name(split, tmp_path):
    with pytest.raises(ValueError, match="split must be a name such as train"):
        save_split(labelled(tmp_path, video("a")), tmp_path / "out", split)


@pytest.mark.parametrize(
    ("size", "names", "words"),
    [
        ((6, 8), (), "got 0 of 8 x 6 pixels"),
        ((6, 20_000), ("a/1.png",), "sides up to 16384, got 1 of 20000 x 6 pixels"),
        ((6, 8), ("../1.png",), r"inside the image folder, got '\.\./1\.png'"),
        ((6, 8), ("a/1\n.png",), "must be printable"),
        ((6, 8), ("a\\1.png",), "without backslashes"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(size, names, words, tmp_path):
    bad = LabelledVideos(tmp_path, [LabelledVideo("a", *size, names, ())])
    with pytest.raises(ValueError, match=rf"video a: .*{words}"):
        save_split(bad, tmp_path / "out", "train")
    assert not (tmp_path / "out").exists()


def broken(first):
    yield first
    raise ValueError("labels.txt: line 7: frame must be a number")


@pytest.mark.parametrize("place", ["link", "copy"])
def test_labels_that_break_off_leave_nothing(place, tmp_path):
    good = labelled(tmp_path, video("a"))
    bad = LabelledVideos(good.images, broken(video("a")))
    with pytest.raises(ValueError, match="line 7"):
        save_split(bad, tmp_path / "out", "train", place)
    with pytest.raises(ValueError, match="expected at least one video"):
        save_split(LabelledVideos(good.images, ()), tmp_path / "out", "train", place)
    assert not (tmp_path / "out").exists()


def test_categories_may_come_from_another_file(annotations, tmp_path):
    item = LabelledObject("ape", (MASK,))
    save_split(labelled(tmp_path, video("a", item)), tmp_path / "out", "train", like=annotations)
    read = load_annotations(tmp_path / "out" / "train.json")
    assert read.categories == CATEGORIES
    assert read.track(0).category_id == 7
    other = labelled(tmp_path, video("a", LabelledObject("cat", (MASK,))))
    with pytest.raises(ValueError, match=r"among those declared, \['bär', 'ape'\], got \['cat'\]"):
        save_split(other, tmp_path / "out", "valid", like=annotations)


def test_a_new_folder_is_whole_or_not_there(tmp_path):
    def fill(last: str) -> None:
        with new_folder(tmp_path / "x") as folder:
            (folder / "a").write_text("a")
            (folder / last).write_text("b")

    with pytest.raises(FileNotFoundError):
        fill("none/b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "x").mkdir()
    fill("b")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "x"]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        ([], []),
        (["00010.jpg", "00015.jpg"], [10, 15]),
        (["a_7.png", "b_3.png"], [7, 3]),
        (["a_7.png", "b_7.png"], [0, 1]),
        (["a.png", "b_7.png"], [0, 1]),
    ],
)
def test_frames_have_the_numbers_of_their_names_where_all_have_one(names, numbers):
    assert frame_numbers(names) == numbers


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_image_sizes_are_those_of_the_reader(orientation, tmp_path):
    from PIL import Image

    image = Image.new("RGB", (8, 6))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.jpg", exif=exif)
    assert image_size(tmp_path / "a.jpg") == read_frame(tmp_path / "a.jpg").shape[:2]


def test_a_videos_frames_become_images(tmp_path):
    frames = [np.full((48, 64, 3), value, np.uint8) for value in (20, 120, 220)]
    write_mp4(frames, tmp_path / "clip.mp4", 10.0)
    assert write_frames(tmp_path / "clip.mp4", tmp_path / "frames") == 3
    for index, value in enumerate((20, 120, 220)):
        image = cv2.imread(str(tmp_path / "frames" / f"{index:06d}.jpg"))
        assert image.shape == (48, 64, 3)
        assert abs(float(image.mean()) - value) < 6
