from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pycocotools import mask as coco_mask

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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda entry: entry.pop("areas"), "areas is missing"),
        (lambda entry: entry.update(areas=None), "areas is missing"),
        (lambda entry: entry.pop("bboxes"), "bboxes is missing"),
        (lambda entry: entry.pop("iscrowd"), "iscrowd is missing"),
        (lambda entry: entry["areas"].__setitem__(0, None), r"areas\[0\] is null where"),
    ],
)
def test_what_the_metric_needs_and_is_missing_is_warned_of(
    document: dict[str, Any], tmp_path: Path, change: Callable[[Any], object], words: str
) -> None:
    change(document["annotations"][0])
    with pytest.warns(UserWarning, match=rf"gt.json: annotations\[0\] \(id 101\): {words}") as all_:
        load(document, tmp_path)
    assert len(all_) == 1


def test_a_whole_file_without_areas_gives_one_warning(
    document: dict[str, Any], tmp_path: Path
) -> None:
    for entry in document["annotations"]:
        del entry["areas"]
    more = len(document["annotations"]) - 1
    with pytest.warns(UserWarning, match=rf"areas is missing.*\(and {more} more like it\)") as all_:
        load(document, tmp_path)
    assert len(all_) == 1


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
        ("videos", "length", 3.5),
        ("videos", "file_names", ["a.jpg", "b.jpg", None]),
        ("videos", "file_names", ["a.jpg", "b.jpg", ""]),
        ("videos", "file_names", "abc"),
        ("categories", "name", ""),
        ("categories", "name", "  "),
        ("categories", "name", "two\nlines"),
        ("categories", "name", "person"),
        ("categories", "name", " person "),
        ("categories", "id", -1),
    ],
)
def test_hostile_fields_are_named(
    document: dict[str, Any], tmp_path: Path, where: str, field: str, value: object
) -> None:
    document[where][1][field] = value
    with pytest.raises(ValueError, match=rf"gt.json: {where}\[1\].*{field}"):
        load(document, tmp_path)


def as_floats(value: Any) -> Any:
    """Every whole number as pandas and JavaScript may write it."""
    if isinstance(value, dict):
        return {key: as_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_floats(item) for item in value]
    return float(value) if type(value) is int else value


def test_a_file_whose_whole_numbers_are_floats_is_the_same_file(
    document: dict[str, Any], tmp_path: Path
) -> None:
    expected, read = load(document, tmp_path), load(as_floats(document), tmp_path)
    assert read.categories == expected.categories
    assert list(read.videos) == list(expected.videos)
    assert list(read.tracks()) == list(expected.tracks())
    ids = [type(number) for track in read.tracks() for number in (track.id, track.category_id)]
    assert set(ids) == {int}


@pytest.mark.parametrize("value", [1.5, float("nan"), True, 1e300, "1.0"])
@pytest.mark.parametrize(
    ("where", "field"),
    [
        ("annotations", "id"),
        ("annotations", "video_id"),
        ("annotations", "category_id"),
        ("videos", "width"),
        ("videos", "id"),
        ("categories", "id"),
    ],
)
def test_numbers_that_are_not_whole_are_refused(
    document: dict[str, Any], tmp_path: Path, where: str, field: str, value: object
) -> None:
    document[where][0][field] = value
    with pytest.raises(ValueError, match=rf"gt.json: {where}\[0\].*{field} must be an integer"):
        load(document, tmp_path)


# of 32 x 24 pixels
SQUARE = [2.0, 2.0, 9.5, 2.0, 9.5, 7.0, 2.0, 7.0]
TRIANGLE = [12, 1, 18, 8, 12, 8]
OVER_THE_EDGE = [-50, 3, 90, 3, 90, 60]


@pytest.mark.parametrize(
    "polygons", [[SQUARE], [SQUARE, TRIANGLE], [TRIANGLE, OVER_THE_EDGE], [SQUARE, SQUARE]]
)
def test_polygons_are_read_as_pycocotools_fills_them(
    document: dict[str, Any], tmp_path: Path, polygons: list[list[float]]
) -> None:
    entry = document["annotations"][0]
    entry["segmentations"] = [[], polygons, entry["segmentations"][2]]  # all forms in one list
    del entry["areas"], entry["bboxes"]
    track = load(document, tmp_path).track(0)
    expected = coco_mask.merge(coco_mask.frPyObjects(polygons, 24, 32))
    first, filled, _ = track.segmentations
    assert first is None
    assert filled is not None
    assert filled.counts == expected["counts"]
    assert track.areas[1] == coco_mask.area(expected)
    assert track.boxes_xywh[1] == tuple(coco_mask.toBbox(expected))


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ([SQUARE, TRIANGLE[:5]], r"\[1\]\[1\] must be a polygon .*, got 5 numbers"),
        ([TRIANGLE[:4]], r"\[1\]\[0\] must be a polygon .* of 3 points or more .*, got 4 numbers"),
        ([[]], r"\[1\]\[0\] must be a polygon .*, got 0 numbers"),
        (SQUARE, r"\[1\]\[0\] must be a polygon .*, got 2.0"),
        ([[*TRIANGLE, float("nan"), 1]], ".*, got nan"),
        ([[*TRIANGLE, float("inf"), 1]], ".*, got inf"),
        ([[*TRIANGLE, 1e300, 1]], r".* within 32768 pixels, got 1e\+300"),
        ([[*TRIANGLE, 10**400, 1]], ".* within 32768 pixels, got 1000"),
        ([[*TRIANGLE, None, 1]], ".*, got None"),
        ([[*TRIANGLE, True, 1]], ".*, got True"),
        ([["x"] * 6], ".*, got 'x'"),
        ([{"x": 1}], ".*, got {'x': 1}"),
        ([TRIANGLE] * 10_001, ".* must be 1 to 10000 polygons, got 10001"),
        ([[0, 0, 9000, 9000] * 200], ".* outlines of at most 2000000 pixels together, got 7.2e"),
        ([[0, 0, 9000, 9000, 0, 1]] * 60, ".* outlines of at most 2000000 pixels together"),
    ],
)
def test_malformed_polygons_are_named(
    document: dict[str, Any], tmp_path: Path, segmentation: object, words: str
) -> None:
    document["annotations"][1]["segmentations"][1] = segmentation
    with pytest.raises(ValueError, match=rf"gt.json: annotations\[1\] .*segmentations{words}"):
        load(document, tmp_path)


@pytest.mark.parametrize("key", ["videos", "categories"])
def test_empty_tables_are_refused(document: dict[str, Any], tmp_path: Path, key: str) -> None:
    document[key] = []
    with pytest.raises(ValueError, match=f"{key} must be a list of at least one"):
        load(document, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("/a.jpg", "../a.jpg", "a/../b.jpg", "a\\..\\b.jpg", "C:\\a.jpg", "\\a", "a\0b", "a\nb"),
        *(
            "..\\..\\x",
            "a\\../..\\x",
            "C:x.jpg",
            "C:/x.jpg",
            "\\\\host\\share\\x.jpg",
            "//host/share/x",
        ),
    ],
)
def test_names_that_leave_the_folder_are_outside(name: str) -> None:
    assert not is_inside(name)


@pytest.mark.parametrize("name", ["a.jpg", "0043f083b5/00000.jpg", "a..b/c d.jpg", "ü/ß.jpg"])
def test_plain_names_are_inside(name: str) -> None:
    assert is_inside(name)


def test_backslashes_are_read_as_separators(document: dict[str, Any], tmp_path: Path) -> None:
    names = ["a\\b\\0.jpg", "a\\b/1.jpg", "2.jpg"]
    document["videos"][0]["file_names"] = names
    assert load(document, tmp_path).videos[0].file_names == ("a/b/0.jpg", "a/b/1.jpg", "2.jpg")


@pytest.mark.parametrize(
    "name", ["..\\..\\x.jpg", "C:\\x.jpg", "\\x.jpg", "\\\\host\\share\\x.jpg"]
)
def test_backslashes_that_leave_the_folder_are_refused(
    document: dict[str, Any], tmp_path: Path, name: str
) -> None:
    document["videos"][0]["file_names"][1] = name
    with pytest.raises(ValueError, match=r"file_names\[1\] must be a relative path inside"):
        load(document, tmp_path)


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
