"""Stills of COCO files as videos of one frame, beside pycocotools' own reading."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from sgnet.data.annotations.coco_stills import load_coco_stills
from sgnet.ops.rle import decode

SQUARE = [2.0, 2.0, 9.0, 2.0, 9.0, 7.0, 2.0, 7.0]
TRIANGLE = [12.5, 1.0, 18.0, 8.0, 12.5, 8.0]


def still_document(*objects):
    return {
        "images": [
            {"id": 5, "width": 20, "height": 10, "file_name": "a.jpg"},
            {"id": 8, "width": 6, "height": 4, "file_name": "b.jpg"},
        ],
        "categories": [{"id": 3, "name": "cat"}],
        "annotations": [
            {"id": n + 1, "image_id": 5, "category_id": 3, "iscrowd": 0, **fields}
            for n, fields in enumerate(objects)
        ],
    }


def load(folder, document):
    (folder / "coco.json").write_text(json.dumps(document))
    return load_coco_stills(folder / "coco.json")


def test_a_file_without_objects_has_videos_of_one_frame(tmp_path):
    read = load(tmp_path, still_document())
    assert len(read) == 0
    assert [(v.id, v.length, v.file_names) for v in read.videos] == [
        (5, 1, ("a.jpg",)),
        (8, 1, ("b.jpg",)),
    ]


@pytest.mark.parametrize("polygons", [[SQUARE], [SQUARE, TRIANGLE], [[-5.0, 3, 30, 3, 30, 6]]])
def test_polygons_are_filled_as_pycocotools_fills_them(tmp_path, polygons):
    read = load(tmp_path, still_document({"segmentation": polygons, "bbox": [2, 2, 7, 5]}))
    track = read.track(0)
    parts = coco_mask.frPyObjects(polygons, 10, 20)
    expected = coco_mask.decode(parts).any(axis=2)
    assert np.array_equal(decode(track.segmentations[0]), expected)
    assert track.areas == (expected.sum(),)
    assert track.boxes_xywh == ((2, 2, 7, 5),)


def test_backslashes_and_whole_floats_are_read(tmp_path):
    document = json.loads(
        json.dumps(still_document({"segmentation": [SQUARE], "area": 35})), parse_int=float
    )
    document["images"][0]["file_name"] = "cats\\a.jpg"
    read = load(tmp_path, document)
    assert read.videos[0].file_names == ("cats/a.jpg",)
    assert (read.track(0).id, read.track(0).video_id, read.track(0).category_id) == (1, 5, 3)
    assert decode(read.track(0).segmentations[0]).sum() == 35


def test_crowds_stay_crowds_with_their_run_lengths(tmp_path):
    counts = {"size": [10, 20], "counts": [30, 40, 130]}
    read = load(tmp_path, still_document({"segmentation": counts, "iscrowd": 1, "area": 40.0}))
    track = read.track(0)
    assert track.iscrowd
    assert decode(track.segmentations[0]).sum() == 40


def test_an_object_without_an_outline_is_never_visible(tmp_path):
    assert load(tmp_path, still_document({"bbox": [1, 1, 2, 2]})).track(0).segmentations == (None,)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"segmentation": [[1, 2, 3, 4]]}, r"segmentation\[0\] must be a polygon"),
        ({"segmentation": [SQUARE, [1, 2, 3, 4, 5, float("nan")]]}, r"segmentation\[1\]"),
        ({"segmentation": [[0, 0, 1e9, 0, 0, 1e9]]}, ".*within"),
        ({"segmentation": [3]}, ".*polygon"),
        ({"segmentation": [[0, 0, 9000, 9000] * 200]}, ".*outlines of at most 2000000 pixels"),
        ({"segmentation": "x"}, r"segmentations\[0\]: must be a run-length"),
        ({"segmentation": {"size": [4, 4], "counts": [16]}}, ".*size must be"),
        ({"image_id": 6, "segmentation": [SQUARE]}, "video_id must be the id"),
        ({"segmentation": [SQUARE], "bbox": [1, 2, -1, 2]}, "bboxes"),
        ({"segmentation": [SQUARE], "iscrowd": 7}, "iscrowd"),
    ],
)
def test_malformed_objects_are_named(tmp_path, fields, words):
    with pytest.raises(ValueError, match=rf"coco\.json: annotations\[0\] \(id 1\): {words}"):
        load(tmp_path, still_document(fields))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(videos=[{}]), "images must be there"),
        (lambda d: d.update(images=[]), "at least one"),
        (
            lambda d: d["images"][1].update(file_name="../a.jpg"),
            r"images\[1\] \(id 8\): file_names",
        ),
        (lambda d: d["images"][1].update(id=5), "duplicate 5"),
    ],
)
def test_malformed_images_are_named(tmp_path, change, words):
    document = still_document()
    change(document)
    with pytest.raises(ValueError, match=words):
        load(tmp_path, document)
