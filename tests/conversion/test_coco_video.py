"""COCO with videos, written by hand."""

from __future__ import annotations

import json
from copy import deepcopy

import numpy as np
import pytest
from labelled_builders import rectangle, write_images
from pycocotools import mask as coco_mask

from sgnet.conversion.coco_video import read_coco_video
from sgnet.ops.rle import decode
from sgnet.records import Category, Video

SQUARE = rectangle((6, 8), 1, 2, 4, 5)
CORNERS = [2, 1, 5, 1, 5, 4, 2, 4]


def document():
    """Video 4 has frames 2, 3 (listed backwards) and object 1; video 9 another object 1."""
    coded = coco_mask.encode(np.asfortranarray(SQUARE))
    compressed = {"size": [6, 8], "counts": coded["counts"].decode()}
    runs = {"size": [6, 8], "counts": [13, 3, 3, 3, 3, 3, 20]}
    size = {"width": 8, "height": 6}
    return {
        "categories": [{"id": 5, "name": "bär"}, {"id": 6, "name": "ape"}],
        "videos": [{"id": 4, "name": "a"}, {"id": 9, "name": "b"}],
        "images": [
            {"id": 1, "video_id": 4, "frame_id": 3, "file_name": "a/7.png", **size},
            {"id": 2, "video_id": 4, "frame_id": 2, "file_name": "a/8.png", **size},
            {"id": 3, "video_id": 9, "frame_id": 0, "file_name": "b/0.png", **size},
        ],
        "annotations": [
            annotation(1, 1, 6, segmentation=[CORNERS, [6, 5, 8, 5, 8, 6, 6, 6]]),
            annotation(2, 2, 6, segmentation=runs),
            {**annotation(3, 3, 5, segmentation=compressed), "iscrowd": 1},
        ],
    }


def annotation(number, image, category, **more):
    box = {"bbox": [2, 1, 3, 3], "area": 9}
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "instance_id": 1,
        **box,
        **more,
    }


@pytest.fixture
def read(tmp_path):
    images = write_images(
        tmp_path / "images",
        [Video(1, 8, 6, 2, ("a/7.png", "a/8.png")), Video(2, 8, 6, 1, ("b/0.png",))],
    )

    def read_document(content, **options):
        (tmp_path / "labels.json").write_text(json.dumps(content))
        labelled = read_coco_video(tmp_path / "labels.json", images, **options)
        return labelled.categories, list(labelled.videos)

    return read_document


def test_without_annotations_videos_have_no_objects(read):
    _, videos = read({**document(), "annotations": []})
    assert [(v.name, len(v.file_names), v.objects) for v in videos] == [("a", 2, ()), ("b", 1, ())]


def test_frames_are_ordered_and_objects_joined(read):
    categories, (first, second) = read(document())
    assert categories == (Category(5, "bär"), Category(6, "ape"))
    assert first.file_names == ("a/8.png", "a/7.png")
    (ape,), (bear,) = first.objects, second.objects
    assert (ape.category, ape.crowd) == ("ape", False)
    assert (bear.category, bear.crowd) == ("bär", True)
    with_spot = SQUARE + rectangle((6, 8), 5, 6, 6, 8)
    for mask, expected in zip((*ape.masks, *bear.masks), (SQUARE, with_spot, SQUARE), strict=True):
        assert (decode(mask) == expected).all()


def test_backslashes_separate_folders_and_whole_floats_are_numbers(read):
    content = json.loads(json.dumps(document()), parse_int=float)
    for image in content["images"]:
        image["file_name"] = image["file_name"].replace("/", "\\")
    categories, videos = read(content)
    expected = read(document())
    assert [video.file_names for video in videos] == [("a/8.png", "a/7.png"), ("b/0.png",)]
    assert (categories, videos) == expected


def test_track_id_does_as_well(read):
    content = document()
    for entry in content["annotations"]:
        entry["track_id"] = entry.pop("instance_id")
    assert [len(video.objects) for video in read(content)[1]] == [1, 1]


def test_boxes_are_masks_only_where_asked(read):
    content = document()
    del content["annotations"][1]["segmentation"]
    with pytest.raises(ValueError, match=r"annotations\[1\] \(id 2\): segmentation .*boxes=mask"):
        read(content)
    _, (first, _) = read(content, boxes="mask")
    assert (decode(first.objects[0].masks[0]) == SQUARE).all()
    with pytest.raises(ValueError, match="boxes must be 'refuse' or 'mask', got 'x'"):
        read(content, boxes="x")


def changed(path, value):
    content = deepcopy(document())
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return content


def test_another_size_than_that_of_the_images_is_refused(read):
    content = {**document(), "annotations": []}
    content["images"][2]["width"] = 9
    with pytest.raises(ValueError, match=r"b/0.png: frame size .* expected \(6, 9\) by .*json"):
        read(content)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("images", 0, "file_name"), "../a/7.png", r"images\[0\] \(id 1\): file_name .* inside"),
        (("images", 0, "file_name"), "a/none.png", "none.png: image is missing"),
        (("images", 0, "width"), 9, r"images\[0\] .*: height and width must be \(6, 8\)"),
        (("images", 2, "file_name"), "a", "a: image is missing"),
        (("images", 0, "frame_id"), 2, "frame_id must be unique in its video, got 2"),
        (("images", 0, "frame_id"), None, "frame_id must be an integer"),
        (("images", 0, "video_id"), 5, "video_id must be the id of a video of this file, got 5"),
        (("images", 0, "id"), 2, "id must be unique, got the duplicate 2"),
        (("videos", 0, "id"), 8, "video_id must be the id of a video of this file, got 4"),
        (
            ("videos",),
            [{"id": 4}, {"id": 9}, {"id": 8}],
            r"videos\[2\] \(id 8\): expected at least one image",
        ),
        (("annotations", 0, "image_id"), 7, "image_id must be the id of an image of this file"),
        (("annotations", 0, "category_id"), 7, "category_id must be the id of a category"),
        (
            ("annotations", 1, "category_id"),
            5,
            r"\(id 1\): category_id must be 5, got 6; an object is the same",
        ),
        (
            ("annotations", 1, "iscrowd"),
            1,
            r"\(id 1\): iscrowd must be 1, got 0; an object is the same",
        ),
        (("annotations", 0, "image_id"), 2, "an object must be unique in a frame, got 1 again"),
        (("annotations", 0, "instance_id"), None, "instance_id or track_id must say which object"),
        (("annotations", 0, "instance_id"), "1", "instance_id must be an integer"),
        (
            ("annotations", 0, "iscrowd"),
            2,
            "iscrowd must be an integer of at least 0 and at most 1",
        ),
        (("annotations", 0, "segmentation"), [[1, 2, 3]], r"segmentation\[0\] must be a polygon"),
        (
            ("annotations", 0, "segmentation"),
            [[1, 2, 3, 4, 5]],
            r"segmentation\[0\] must be a polygon",
        ),
        (("annotations", 0, "segmentation"), ["x"], r"segmentation\[0\] must be a polygon"),
        (("annotations", 0, "segmentation"), {"size": [6, 9]}, "segmentation: size must be"),
        (("categories", 0, "name"), "ape", "categories must have a name of their own each"),
        (("videos",), None, "videos must be a list"),
    ],
)
def test_malformed_entries_are_named(path, value, words, read):
    with pytest.raises(ValueError, match=words):
        read(changed(path, value))
