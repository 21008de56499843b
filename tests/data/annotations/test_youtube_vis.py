from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sgnet.data.annotations.annotation_entries import is_inside
from sgnet.data.annotations.youtube_vis import YouTubeVIS, find_split, load_annotations
from sgnet.ops.rle import area, box_xywh, rle_from_runs
from sgnet.structures import Category, Video

TESTS = Path(__file__).parents[2]
BASE = json.loads((TESTS / "bad" / "_base_annotations.json").read_text())
ROWS = [
    row
    for row in json.loads((TESTS / "bad" / "index.json").read_text())
    if row["role"] == "annotations"
]


def load(document: dict[str, Any], folder: Path) -> YouTubeVIS:
    (folder / "gt.json").write_text(json.dumps(document))
    return load_annotations(folder / "gt.json")


@pytest.fixture
def document() -> dict[str, Any]:
    return copy.deepcopy(BASE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_malformed_files_are_named_with_their_defect(row: dict[str, Any]) -> None:
    path = TESTS / "bad" / row["file"]
    if row["severity"] == "error":
        with pytest.raises(ValueError, match=row["file"]) as caught:
            load_annotations(path)
        message = str(caught.value)
    else:
        with pytest.warns(UserWarning, match=row["file"]) as warned:
            load_annotations(path)
        message = " ".join(str(item.message) for item in warned)
    words = message.replace(str(path), "")
    assert all(word in words for word in row["message_should_contain"]), message


def test_videos_and_categories_are_those_of_the_file(
    document: dict[str, Any], tmp_path: Path
) -> None:
    data = load(document, tmp_path)
    assert data.categories == (Category(1, "person"), Category(2, "giant_panda"))
    names = tuple(BASE["videos"][0]["file_names"])
    assert data.videos[0] == Video(11, 32, 24, 3, names)
    assert [video.id for video in data.videos] == [11, 12]
    assert data.videos[-1] == data.videos[1:][0]
    with pytest.raises(IndexError):
        data.videos[2]


def test_tracks_are_those_of_the_file(document: dict[str, Any], tmp_path: Path) -> None:
    data = load(document, tmp_path)
    assert data.has_annotations
    assert len(data) == len(document["annotations"])
    for track, entry in zip(data.tracks(), document["annotations"], strict=True):
        assert (track.id, track.video_id) == (entry["id"], entry["video_id"])
        assert (track.category_id, track.iscrowd) == (entry["category_id"], bool(entry["iscrowd"]))
        assert list(track.areas) == entry["areas"]
        for mask, box, value in zip(
            track.segmentations, track.boxes_xywh, entry["bboxes"], strict=True
        ):
            assert (None if box is None else list(box)) == value
            assert (mask is None) == (value is None)
    runs = document["annotations"][0]["segmentations"][0]["counts"]
    assert data.track(0).segmentations[0] == rle_from_runs(runs, 24, 32)


def test_frame_objects_are_the_frames_part_of_the_tracks(
    document: dict[str, Any], tmp_path: Path
) -> None:
    document["annotations"][1]["segmentations"][1] = None
    document["annotations"][1]["bboxes"][1] = None
    data = load(document, tmp_path)
    for video_index, video in enumerate(data.videos):
        indices = data.tracks_of_video(video.id)
        assert [data.track(i).video_id for i in indices] == [video.id] * len(indices)
        for frame in range(video.length):
            expected = [
                (track.id, track.category_id, track.iscrowd, track.segmentations[frame])
                for track in map(data.track, indices)
                if track.segmentations[frame] is not None
            ]
            assert data.frame_objects(video_index, frame) == expected
    with pytest.raises(IndexError, match=r"frame must be in 0..2"):
        data.frame_objects(0, 3)
    with pytest.raises(ValueError, match="video_id must be"):
        data.tracks_of_video(99)


@pytest.mark.parametrize(
    "change", [lambda d: d.pop("annotations"), lambda d: d.update(annotations=None)]
)
def test_files_without_annotations_are_legal(
    document: dict[str, Any], tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    change(document)
    data = load(document, tmp_path)
    assert not data.has_annotations
    assert len(data) == 0
    assert data.tracks_of_video(11) == ()
    assert data.frame_objects(0, 0) == []


def test_boxes_and_areas_come_from_masks_where_the_file_has_none(
    document: dict[str, Any], tmp_path: Path
) -> None:
    entry = document["annotations"][0]
    del entry["areas"], entry["bboxes"]
    document["annotations"][1]["bboxes"][0] = None
    data = load(document, tmp_path)
    for track in (data.track(0), data.track(1)):
        first = track.segmentations[0]
        assert first is not None
        assert track.boxes_xywh[0] == box_xywh(first)
        assert track.areas[0] == area(first)


@pytest.mark.parametrize("absent", [None, {}, []])
def test_the_mask_decides_where_an_object_is(
    document: dict[str, Any], tmp_path: Path, absent: object
) -> None:
    document["annotations"][0]["segmentations"][1] = absent
    with pytest.warns(UserWarning, match=r"id 101.*bboxes\[1\] has a box but no segmentation"):
        data = load(document, tmp_path)
    assert data.track(0).segmentations[1] is None
    assert data.track(0).boxes_xywh[1] is None


def test_file_names_may_be_left_out(document: dict[str, Any], tmp_path: Path) -> None:
    del document["videos"][0]["file_names"]
    assert load(document, tmp_path).videos[0].file_names == ()


@pytest.mark.parametrize(
    ("where", "field", "value"),
    [
        ("annotations", "id", 101),
        ("annotations", "video_id", "11"),
        ("annotations", "category_id", None),
        ("annotations", "bboxes", [[1, 2, 3], None, None]),
        ("annotations", "bboxes", [[1, 2, 3, float("nan")], None, None]),
        ("annotations", "bboxes", [None]),
        ("annotations", "areas", [-1, None, None]),
        ("annotations", "areas", ["90", None, None]),
        ("annotations", "iscrowd", 2),
        ("annotations", "segmentations", [[[1, 2, 3, 4]], None, None]),
        ("annotations", "segmentations", [{"size": [24, 32]}, None, None]),
        ("annotations", "segmentations", [{"size": [24, 32], "counts": None}, None, None]),
        ("videos", "width", 0),
        ("videos", "width", 10**30),
        ("videos", "length", 10**9),
        ("videos", "length", 3.0),
        ("videos", "file_names", ["a.jpg", "b.jpg", None]),
        ("videos", "file_names", ["a.jpg", "b.jpg", ""]),
        ("videos", "file_names", "abc"),
        ("categories", "name", ""),
        ("categories", "id", -1),
    ],
)
def test_hostile_fields_are_named(
    document: dict[str, Any], tmp_path: Path, where: str, field: str, value: object
) -> None:
    document[where][1][field] = value
    with pytest.raises(ValueError, match=rf"gt.json: {where}\[1\].*{field}"):
        load(document, tmp_path)


@pytest.mark.parametrize("key", ["videos", "categories"])
def test_empty_tables_are_refused(document: dict[str, Any], tmp_path: Path, key: str) -> None:
    document[key] = []
    with pytest.raises(ValueError, match=f"{key} must be a list of at least one"):
        load(document, tmp_path)


@pytest.mark.parametrize(
    "name", ["/a.jpg", "../a.jpg", "a/../b.jpg", "a\\..\\b.jpg", "C:\\a.jpg", "\\a", "a\0b", "a\nb"]
)
def test_names_that_leave_the_folder_are_outside(name: str) -> None:
    assert not is_inside(name)


@pytest.mark.parametrize("name", ["a.jpg", "0043f083b5/00000.jpg", "a..b/c d.jpg", "ü/ß.jpg"])
def test_plain_names_are_inside(name: str) -> None:
    assert is_inside(name)


def test_a_loaded_file_survives_pickling(document: dict[str, Any], tmp_path: Path) -> None:
    data = load(document, tmp_path)
    again = pickle.loads(pickle.dumps(data))
    assert list(again.tracks()) == list(data.tracks())


def test_find_split_knows_both_layouts(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        (tmp_path / split / "JPEGImages").mkdir(parents=True)
    (tmp_path / "train.json").touch()
    (tmp_path / "valid" / "instances.json").touch()
    assert find_split(tmp_path, "train") == (
        tmp_path / "train.json",
        tmp_path / "train" / "JPEGImages",
    )
    assert find_split(str(tmp_path), "valid")[0] == tmp_path / "valid" / "instances.json"


def test_find_split_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"test.json or .*test/instances.json"):
        find_split(tmp_path, "test")
    (tmp_path / "test.json").touch()
    with pytest.raises(FileNotFoundError, match="test/JPEGImages"):
        find_split(tmp_path, "test")
