"""LabelMe's files, written by hand as LabelMe 5 writes them."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from labelled_builders import rectangle, write_images
from PIL import Image

from sgnet.conversion.labelme import read_labelme
from sgnet.ops.rle import decode
from sgnet.records import Video


def shape(points, label="bär", group=1, kind="polygon", **more):
    return {"label": label, "points": points, "group_id": group, "shape_type": kind, **more}


def square(left, group=1, label="bär"):
    corners = [[left, 1.0], [left + 2, 1.0], [left + 2, 3.0], [left, 3.0]]
    return shape(corners, label, group)


def write_frame(folder, stem, *shapes, **more):
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "version": "5.2.1",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": f"{stem}.png",
        "imageData": None,
        "imageHeight": 6,
        "imageWidth": 8,
        **more,
    }
    (folder / f"{stem}.json").write_text(json.dumps(content))


@pytest.fixture
def source(tmp_path):
    """A folder with the images of three frames, 9, 10 and 11."""
    names = tuple(f"{number}.png" for number in (9, 10, 11))
    return write_images(tmp_path / "vidéo", [Video(1, 8, 6, 3, names)])


def read_one(source, **options):
    (video,) = read_labelme(source, **options).videos
    return video


def lefts(item):
    return [None if m is None else int(decode(m).any(axis=0).argmax()) for m in item.masks]


def test_frames_without_shapes_are_a_video_without_objects(source):
    write_frame(source, 9)
    write_frame(source, 10)
    video = read_one(source)
    assert (video.name, video.file_names, video.objects) == ("vidéo", ("9.png", "10.png"), ())


def test_in_a_single_frame_every_shape_is_an_object(source):
    write_frame(source, 9, square(0, None), square(5, None))
    assert [lefts(item) for item in read_one(source).objects] == [[0], [5]]


def test_group_and_label_join_shapes_over_frames_and_parts_in_one(source):
    write_frame(source, 10, square(4), square(2, 2))
    write_frame(source, 9, square(0), square(5), square(3, label="ape"))
    write_frame(source, 11, square(6, 2))
    video = read_one(source)
    assert video.file_names == ("9.png", "10.png", "11.png")
    bear, ape, other = video.objects
    assert (lefts(bear), bear.category) == ([0, 4, None], "bär")
    assert (lefts(ape), ape.category) == ([3, None, None], "ape")
    assert lefts(other) == [None, 2, 6]
    both = rectangle((6, 8), 1, 0, 3, 2) + rectangle((6, 8), 1, 5, 3, 7)
    assert (decode(bear.masks[0]) == both).all()


def test_without_group_the_way_out_is_said_and_labels_may_do(source):
    write_frame(source, 9, square(0, None))
    write_frame(source, 10, square(1, None))
    with pytest.raises(ValueError, match=r"9.json: shapes\[0\]: group_id must .* identity=label"):
        read_one(source)
    assert [lefts(item) for item in read_one(source, identity="label").objects] == [[0, 1]]
    write_frame(source, 10, square(1, None), square(4, None))
    with pytest.raises(ValueError, match=r"10.json: shapes\[1\]: label must be unique"):
        read_one(source, identity="label")
    with pytest.raises(ValueError, match="identity must be one of group, label, got 'x'"):
        read_one(source, identity="x")


def test_all_frames_are_taken_where_asked(source):
    write_frame(source, 10, square(1))
    assert read_one(source).file_names == ("10.png",)
    video = read_one(source, frames="all")
    assert video.file_names == ("9.png", "10.png", "11.png")
    assert lefts(video.objects[0]) == [None, 1, None]
    with pytest.raises(ValueError, match="frames must be"):
        read_one(source, frames="some")


def test_folders_are_videos_and_images_may_lie_elsewhere(tmp_path):
    for name in ("a", "b"):
        write_images(tmp_path / "images", [Video(1, 8, 6, 1, (f"{name}/1.png",))])
        write_frame(tmp_path / "labels" / name, 1, square(1), imagePath="..\\..\\images\\1.png")
    labelled = read_labelme(tmp_path / "labels", tmp_path / "images")
    videos = list(labelled.videos)
    assert [(video.name, video.file_names) for video in videos] == [
        ("a", ("a/1.png",)),
        ("b", ("b/1.png",)),
    ]
    assert [len(video.objects) for video in videos] == [1, 1]  # group 1 of each


def embedded(mask):
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_rectangles_circles_and_masks(source):
    part = np.array([[1, 0, 1], [0, 1, 0]], np.uint8)
    write_frame(
        source,
        9,
        shape([[5, 4], [2, 1]], group=1, kind="rectangle"),
        shape([[3, 3], [5, 3]], group=2, kind="circle"),
        shape([[4, 2], [6, 3]], group=3, kind="mask", mask=embedded(part.astype(bool))),
    )
    box, circle, mask = (decode(item.masks[0]) for item in read_one(source).objects)
    assert (box == rectangle((6, 8), 1, 2, 4, 5)).all()
    rows, columns = np.mgrid[:6, :8] + 0.5
    assert (circle == (np.hypot(rows - 3, columns - 3) <= 2)).all()
    assert (mask[2:4, 4:7] == part).all()
    assert mask.sum() == 3


@pytest.mark.parametrize(
    ("shapes", "more", "words"),
    [
        ([], {"imagePath": ".."}, "imagePath must be the path of an image of"),
        ([], {"imagePath": "8.png"}, "8.png: image is missing"),
        (
            [],
            {"imageHeight": 7},
            r"9.png: frame size .* expected \(7, 8\) by .*9.json, got \(6, 8\)",
        ),
        ([], {"imageWidth": "8"}, "imageWidth must be an integer"),
        ([], {"shapes": None}, "shapes must be a list, got null"),
        ([3], {}, r"shapes\[0\] must be an object, got 3"),
        ([shape([[0, 0], [1, 1]])], {}, "points must be a list of at least 3 pairs"),
        (
            [shape([[0, 0], [1, 1]], kind="line")],
            {},
            "shape_type must be one of polygon, .* 'line'",
        ),
        (
            [shape([[0, 0], [1, 1], [2, 2]], kind="circle")],
            {},
            "points must be 2 for a circle, got 3",
        ),
        ([shape([[0, 0], [1, 1]], label="", kind="rectangle")], {}, "label must be a non-empty"),
        ([shape([[0, 0], [1, 1]], group="a", kind="rectangle")], {}, "group_id must be an integer"),
        ([shape([[0, 0], [1, 1]], kind="mask", mask="?")], {}, "mask must be a PNG in base64"),
        ([shape([[0, 0], [1, 1]], kind="mask", mask="abcd")], {}, "mask must be a PNG in base64"),
        (
            [shape([[0, 0], [1, 1]], kind="mask", mask=embedded(np.zeros((3, 3), bool)))],
            {},
            "mask must be 2 x 2 pixels as its points say, got 3 x 3",
        ),
    ],
)
def test_malformed_files_are_named(shapes, more, words, source):
    write_frame(source, 9, *shapes, **more)
    with pytest.raises(ValueError, match=words):
        read_one(source)


def test_files_of_different_sizes_or_the_same_image_are_refused(source):
    write_frame(source, 9)
    write_frame(source, 10, imageHeight=7)
    with pytest.raises(
        ValueError, match=r"10.json: imageHeight and imageWidth must be \(6, 8\) as"
    ):
        read_one(source)
    write_frame(source, 10, imagePath="9.png")
    with pytest.raises(ValueError, match="imagePath must differ"):
        read_one(source)
