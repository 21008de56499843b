"""Files of a split, read back."""

from __future__ import annotations

import json
import random

import pytest
from data_sets import change, write_data_set

from sgnet.data.annotations.named_split import is_held_out, names_digest, video_name
from sgnet.data.annotations.split_folder import images_beside
from sgnet.data.annotations.split_writer import SplitRule, write_splits
from sgnet.data.annotations.youtube_vis import find_split, load_annotations


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    path, images = write_data_set(tmp_path_factory.mktemp("set"), seeds=range(1, 9))
    change(path, lambda d: d.update(licences=["x"]))
    change(path, lambda d: [v.update(source=f"s{v['id']}") for v in d["videos"]])
    return path, images


def read_both(folder):
    both = []
    for split in ("train", "val"):
        path, images = find_split(folder, split)
        data = load_annotations(path)
        assert all((images / name).is_file() for v in data.videos for name in v.file_names)
        both.append(data)
    return both


@pytest.mark.parametrize("rule", ["stratified", "hash"])
def test_every_video_is_on_one_side_with_its_tracks_as_they_were(data_set, tmp_path, rule):
    written = write_splits(*data_set, tmp_path, SplitRule(rule, 0.3))
    train, val = read_both(tmp_path)
    whole = load_annotations(data_set[0])
    assert not {v.id for v in train.videos} & {v.id for v in val.videos}
    videos = sorted([*train.videos, *val.videos], key=lambda v: v.id)
    assert videos == list(whole.videos)
    tracks = sorted([*train.tracks(), *val.tracks()], key=lambda t: t.id)
    assert tracks == list(whole.tracks())
    (part,) = written["parts"]
    assert part["names"] == sorted(map(video_name, val.videos))
    assert part["sha256"] == names_digest(part["names"])
    assert json.loads((tmp_path / "split.json").read_text()) == written
    if rule == "hash":
        assert all(is_held_out(video_name(v), 0.3) == (v in val.videos) for v in whole.videos)


def test_all_fields_stay_byte_for_byte(data_set, tmp_path):
    write_splits(*data_set, tmp_path, SplitRule())
    original = json.loads(data_set[0].read_text())
    parts = [json.loads((tmp_path / f"{split}.json").read_text()) for split in ("train", "val")]
    for name in ("videos", "annotations"):
        entries = sorted((e for part in parts for e in part[name]), key=lambda e: e["id"])
        assert json.dumps(entries) == json.dumps(original[name])
    assert all(part["licences"] == ["x"] for part in parts)
    assert (tmp_path / "train/JPEGImages").is_symlink()


def test_a_reordered_file_with_other_ids_is_split_alike(data_set, tmp_path):
    first = write_splits(*data_set, tmp_path / "a", SplitRule())
    document = json.loads(data_set[0].read_text())
    random.Random(0).shuffle(document["videos"])
    random.Random(1).shuffle(document["annotations"])
    for entry in document["videos"]:
        entry["id"] = 100 - entry["id"]
    for entry in document["annotations"]:
        entry["video_id"] = 100 - entry["video_id"]
    other = tmp_path / "train.json"
    other.write_text(json.dumps(document))
    second = write_splits(other, data_set[1], tmp_path / "b", SplitRule())
    assert second["parts"] == first["parts"]


@pytest.mark.parametrize("rule", ["stratified", "hash"])
def test_folds_part_the_videos(data_set, tmp_path, rule):
    written = write_splits(*data_set, tmp_path, SplitRule(rule, folds=2))
    held = []
    for number in range(2):
        train, val = read_both(tmp_path / f"fold{number}")
        assert len(train.videos) + len(val.videos) == 8
        held += [video.id for video in val.videos]
    assert sorted(held) == list(range(1, 9))
    assert len(written["parts"]) == 2


def test_a_file_without_annotations_is_split_too(data_set, tmp_path):
    path = tmp_path / "train.json"
    path.write_text(data_set[0].read_text())
    change(path, lambda d: d.pop("annotations"))
    write_splits(path, data_set[1], tmp_path / "out", SplitRule())
    assert not any(data.has_annotations for data in read_both(tmp_path / "out"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rule": "random"}, "rule must be one of"),
        ({"share": 0}, "share must lie"),
        ({"share": 1.0}, "share must lie"),
        ({"folds": 1}, "folds must be"),
    ],
)
def test_impossible_rules_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        SplitRule(**settings)


def test_an_empty_side_and_the_original_folder_are_refused(data_set, tmp_path):
    with pytest.raises(ValueError, match="leave videos on both sides"):
        write_splits(*data_set, tmp_path / "a", SplitRule("hash", 0.0001))
    assert list(tmp_path.iterdir()) == []
    before = data_set[0].read_bytes()
    with pytest.raises(ValueError, match="another folder"):
        write_splits(*data_set, data_set[0].parent, SplitRule())
    assert data_set[0].read_bytes() == before


@pytest.mark.parametrize("layout", ["train.json", "train/instances.json"])
def test_images_are_found_beside_the_annotations(tmp_path, layout):
    assert images_beside(tmp_path / layout) is None
    (tmp_path / "train/JPEGImages").mkdir(parents=True)
    assert images_beside(tmp_path / layout) == tmp_path / "train/JPEGImages"
