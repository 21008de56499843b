"""The strict reader and the lenient one never disagree."""

from __future__ import annotations

import copy
import json
import shutil
import warnings
from pathlib import Path

import pytest

from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.data_check.findings import Findings
from sgnet.data_check.lenient_reader import read_leniently

BAD = Path(__file__).parents[1] / "bad"
BASE = json.loads((BAD / "_base_annotations.json").read_text())
FILES = sorted(path.name for path in BAD.glob("*.json"))


def refusal(path):
    """What the strict reader says, None where it takes the file; and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            load_annotations(path)
        except ValueError as error:
            return str(error), []
    return None, [str(item.message).split(" (and ")[0] for item in caught]


def read(path):
    findings = Findings()
    return read_leniently(path, findings), findings


def messages(findings, severity):
    return [f.message for f in findings.found if f.severity == severity]


@pytest.mark.parametrize("name", FILES)
def test_what_the_reader_refuses_is_an_error_in_the_same_words(name):
    error, odd = refusal(BAD / name)
    _, findings = read(BAD / name)
    assert (error is not None) == (findings.count("error") > 0)
    if error is not None:
        assert error in messages(findings, "error")
    else:
        assert set(odd) <= set(messages(findings, "warning"))


def changed(tmp_path, change):
    document = copy.deepcopy(BASE)
    change(document)
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document))
    return path


POLYGONS = [[[1, 2, 3, 4]], [[1, 2, 9, 2, 9, 8]], None]
NUMBERS = [True, -1, 2**70, 1.0, 1.5, float("nan")]
SWAPS = [None, *NUMBERS, "x", "", [], {}, [None], POLYGONS, {"size": 3}]


@pytest.mark.parametrize("field", sorted({*BASE["annotations"][0], *BASE["videos"][0], "name"}))
@pytest.mark.parametrize("value", SWAPS, ids=str)
def test_both_agree_on_any_value_in_any_field(tmp_path, field, value):
    for part in ("annotations", "videos", "categories"):
        if field not in BASE[part][0]:
            continue
        path = changed(tmp_path, lambda d, part=part: d[part][1].update({field: value}))
        error, _ = refusal(path)
        found = messages(read(path)[1], "error")
        assert (error is not None) == bool(found), (part, error, found)
        assert error is None or error in found


def test_a_sound_file_is_read_alike():
    got, findings = read(BAD / "_base_annotations.json")
    strict = load_annotations(BAD / "_base_annotations.json")
    assert findings.found == []
    assert list(got.annotations.tracks()) == list(strict.tracks())
    assert list(got.annotations.videos) == list(strict.videos)


def test_all_errors_of_a_file_are_found_with_entry_and_field(tmp_path):
    def change(document):
        document["categories"][1]["name"] = ""
        document["videos"][1].update(height=0, length="x")
        first = document["annotations"][0]
        first["bboxes"][0] = [1, 2]
        first["bboxes"][1] = "box"
        first["areas"][2] = -4
        first["iscrowd"] = 3
        first["segmentations"][1] = {"size": [1, 1], "counts": [1]}
        document["annotations"].append(7)

    _, findings = read(changed(tmp_path, change))
    places = [(f.entry, f.field) for f in findings.found if f.severity == "error"]
    name = f"annotations[0] (id {BASE['annotations'][0]['id']})"
    video = f"videos[1] (id {BASE['videos'][1]['id']})"
    assert set(places) == {
        (f"categories[1] (id {BASE['categories'][1]['id']})", "name"),
        (video, "height"),
        (video, "length"),
        (name, "bboxes[0]"),
        (name, "bboxes[1]"),
        (name, "areas[2]"),
        (name, "iscrowd"),
        (name, "segmentations[1]"),
        ("", f"annotations[{len(BASE['annotations'])}]"),
    }
    assert len(places) == len(set(places))


def test_what_is_sound_of_a_track_is_kept(tmp_path):
    def change(document):
        document["annotations"][0]["segmentations"][1] = "x"
        document["annotations"][0]["areas"] = 3

    got, _ = read(changed(tmp_path, change))
    track = got.annotations.track(0)
    whole = load_annotations(BAD / "_base_annotations.json").track(0)
    assert track.segmentations == (whole.segmentations[0], None, *whole.segmentations[2:])
    assert track.boxes_xywh[0] is not None


def test_a_video_id_claimed_twice_is_contested(tmp_path):
    def change(document):
        document["videos"][1]["id"] = document["videos"][0]["id"]

    got, findings = read(changed(tmp_path, change))
    assert got.contested_videos == {BASE["videos"][0]["id"]}
    assert len(got.annotations.videos) == 1
    assert any("must be unique" in message for message in messages(findings, "error"))


def test_a_copy_of_a_bad_file_elsewhere_is_named_by_its_own_path(tmp_path):
    shutil.copy(BAD / "ann_truncated.json", tmp_path / "y.json")
    assert messages(read(tmp_path / "y.json")[1], "error")[0].startswith(str(tmp_path / "y.json"))
