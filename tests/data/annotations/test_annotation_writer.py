"""What the annotation writer writes, the reader and pycocotools read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from sgnet.data.annotations.annotation_writer import save_annotations, visible_track
from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.ops.rle import encode
from sgnet.records import Category, Video

CATEGORIES = (Category(3, "bear"), Category(7, "ape"))
VIDEOS = (Video(4, 20, 10, 3, ("a/0.jpg", "a/1.jpg", "a/2.jpg")), Video(9, 8, 6, 1, ("b/0.jpg",)))


def some_mask(height=10, width=20, rows=slice(2, 5), columns=slice(3, 9)):
    mask = np.zeros((height, width), np.uint8)
    mask[rows, columns] = 1
    return mask


@pytest.mark.parametrize("count", [0, 1, 2])
def test_what_is_written_is_read_again(tmp_path, count):
    tracks = [
        visible_track(1, 4, 7, [encode(some_mask()), None, encode(some_mask(rows=slice(0, 1)))]),
        visible_track(2, 9, 3, [encode(np.ones((6, 8), np.uint8))], crowd=True),
    ][:count]
    save_annotations(tmp_path / "x.json", CATEGORIES, VIDEOS, iter(tracks), {"from": "test"})
    read = load_annotations(tmp_path / "x.json")
    assert read.categories == CATEGORIES
    assert tuple(read.videos) == VIDEOS
    assert list(read.tracks()) == tracks
    assert json.loads((tmp_path / "x.json").read_text())["info"] == {"from": "test"}


def test_boxes_and_areas_are_those_of_pycocotools():
    masks = [encode(some_mask()), encode(some_mask(rows=slice(0, 10), columns=slice(0, 2)))]
    track = visible_track(1, 4, 7, masks)
    coded = [{"size": [10, 20], "counts": mask.counts} for mask in masks]
    assert [list(b) for b in track.boxes_xywh] == coco_mask.toBbox(coded).tolist()
    assert list(track.areas) == coco_mask.area(coded).tolist()


def test_an_empty_mask_is_an_absent_one():
    track = visible_track(1, 4, 7, [encode(np.zeros((10, 20), np.uint8)), None])
    assert track.segmentations == (None, None)
    assert track.boxes_xywh == (None, None)
    assert track.areas == (None, None)


def test_without_tracks_the_file_has_no_annotations(tmp_path):
    save_annotations(tmp_path / "x.json", CATEGORIES, VIDEOS, None)
    assert not load_annotations(tmp_path / "x.json").has_annotations


@pytest.mark.parametrize(
    ("video", "category", "length", "words"),
    [(5, 7, 3, "video_id 5"), (4, 8, 3, "category_id 8"), (4, 7, 2, "3 entries .* got 2")],
)
def test_a_wrong_track_is_refused_and_leaves_no_file(tmp_path, video, category, length, words):
    track = visible_track(1, video, category, [None] * length)
    with pytest.raises(ValueError, match=words):
        save_annotations(tmp_path / "x.json", CATEGORIES, VIDEOS, [track])
    assert list(tmp_path.iterdir()) == []
