"""Every defect put into a sound data set is found, and only that."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from data_sets import HEIGHT, WIDTH, box_mask, change, picture, write_data_set

from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.data.clips.frames import read_frame
from sgnet.data_check import check_data, write_repaired, write_report
from sgnet.files.segmentation_json import segmentation_to_json
from sgnet.ops.rle import encode


@pytest.fixture
def data_set(tmp_path):
    return write_data_set(tmp_path / "set")


def found(check, severity=None):
    return [f for f in check.findings.found if severity in (None, f.severity)]


def track(document, index=0):
    return document["annotations"][index]


def fill(document, height=HEIGHT):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:height] = 1
    track(document)["segmentations"][1] = segmentation_to_json(encode(mask))
    track(document)["areas"][1] = float(mask.sum())
    track(document)["bboxes"][1] = [0, 0, WIDTH, height] if height else None


def shift(document):
    track(document)["bboxes"][2][0] += 1.5


def same_masks(document):
    for name in ("segmentations", "bboxes", "areas"):
        track(document, 1)[name] = track(document, 0)[name]


def share_frame(document):
    document["videos"][2]["file_names"][3] = document["videos"][0]["file_names"][1]


def unseen(document):
    track(document, 3).update(segmentations=[None] * 4, bboxes=[None] * 4, areas=[None] * 4)


WARNINGS = {
    "empty mask": (lambda d: fill(d, 0), "annotations[0] (id 1)", "segmentations[1]"),
    "oversized mask": (fill, "annotations[0] (id 1)", "segmentations[1]"),
    "box": (shift, "annotations[0] (id 1)", "bboxes[2]"),
    "area": (lambda d: track(d)["areas"].__setitem__(3, 7), "annotations[0] (id 1)", "areas[3]"),
    "never visible": (unseen, "annotations[3] (id 4)", "segmentations"),
    "same object": (same_masks, "annotations[0] (id 1)", "segmentations"),
    "repeated name": (
        lambda d: d["videos"][0]["file_names"].__setitem__(2, d["videos"][0]["file_names"][0]),
        "videos[0] (id 1)",
        "file_names[2]",
    ),
    "shared name": (share_frame, "videos[2] (id 3)", "file_names[3]"),
    "category without examples": (
        lambda d: d["categories"].append({"id": 9, "name": "cow"}),
        "",
        "categories",
    ),
    "category_id": (
        lambda d: track(d).update(category_id=77),
        "annotations[0] (id 1)",
        "category_id",
    ),
}


def test_a_sound_data_set_has_no_findings(data_set):
    check = check_data(*data_set)
    assert found(check) == []
    assert check.figures.lengths == [4, 4, 4]
    assert check.looks.bad_frames == {}


@pytest.mark.parametrize("kind", WARNINGS)
def test_a_doubtful_annotation_is_a_warning_with_its_place(data_set, kind):
    edit, entry, field = WARNINGS[kind]
    change(data_set[0], edit)
    load_annotations(data_set[0])
    kinds = {f.kind: f for f in found(check_data(*data_set)) if f.severity != "notice"}
    assert set(kinds) == {kind}
    assert (kinds[kind].severity, kinds[kind].entry, kinds[kind].field) == ("warning", entry, field)
    assert kinds[kind].file == str(data_set[0])


@pytest.mark.parametrize("off", [0.0, 1.0])
def test_a_box_within_a_pixel_fits(data_set, off):
    change(data_set[0], lambda d: track(d)["bboxes"].__setitem__(0, [5 + off, 5 - off, 20, 12]))
    assert found(check_data(*data_set)) == []


@pytest.mark.parametrize("crowds", [False, True])
def test_a_set_without_objects_is_a_warning(data_set, crowds):
    def edit(document):
        kept = document["annotations"] if crowds else []
        document["annotations"] = [{**entry, "iscrowd": 1} for entry in kept]

    change(data_set[0], edit)
    kinds = {f.kind: f for f in found(check_data(*data_set), "warning")}
    assert kinds["no objects"].field == "annotations"


def outline(document, off=0.0):
    """Masks of a track as polygons of two parts, its boxes measured before they are filled."""
    for frame in range(4):
        x, y = 5 + 3 * frame + 0.3, 5.4
        left = [x, y, x + 10, y, x + 10, y + 12, x, y + 12]
        right = [x + 10, y, x + 20, y, x + 20, y + 12, x + 10, y + 12]
        track(document)["segmentations"][frame] = [left, right]
        track(document)["bboxes"][frame] = [x + off, y, 20, 12]


def test_polygons_are_sound_and_kept_in_a_repaired_copy(data_set, tmp_path):
    change(data_set[0], outline)
    check = check_data(*data_set)
    assert found(check) == []
    write_repaired(check, tmp_path / "fixed", "train")
    before, after = load_annotations(data_set[0]), load_annotations(tmp_path / "fixed/train.json")
    masks = [before.track(0).segmentations, after.track(0).segmentations]
    assert masks[0] == masks[1]
    assert all(masks[0])


@pytest.mark.parametrize(("off", "kinds"), [(1.5, []), (2.9, ["box"])])
def test_a_polygons_box_may_be_two_pixels_off(data_set, off, kinds):
    change(data_set[0], lambda d: outline(d, off))
    assert [f.kind for f in found(check_data(*data_set))] == kinds


def test_a_malformed_polygon_costs_its_frame_alone(data_set, tmp_path):
    change(data_set[0], outline)
    change(data_set[0], lambda d: track(d)["segmentations"][2].append([1, 2, float("nan"), 4, 5]))
    check = check_data(*data_set)
    assert [(f.entry, f.field) for f in found(check)] == [
        ("annotations[0] (id 1)", "segmentations[2]")
    ]
    write_repaired(check, tmp_path / "fixed", "train")
    masks = load_annotations(tmp_path / "fixed/train.json").track(0).segmentations
    assert [mask is not None for mask in masks] == [True, True, False, True]


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-200])


BROKEN = {
    "missing": lambda path: path.unlink(),
    "cannot be decoded": lambda path: path.write_bytes(b"no image"),
    "cut off": cut_off,
    "frame size": lambda path: cv2.imwrite(str(path), picture(1, 0, 50, 40)),
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_frame_that_training_cannot_read_is_an_error_in_its_words(data_set, words):
    path = data_set[1] / "v2/00002.jpg"
    BROKEN[words](path)
    with pytest.raises(ValueError, match=words) as caught:
        read_frame(path, (HEIGHT, WIDTH))
    check = check_data(*data_set)
    (error,) = found(check)
    assert (error.severity, error.entry, error.field) == (
        "error",
        "videos[1] (id 2)",
        "file_names[2]",
    )
    assert error.problem == f"file_names[2]: {caught.value}"
    assert check.looks.bad_frames == {1: frozenset({2})}


def test_a_video_whose_frames_are_all_the_same_is_a_warning(data_set):
    for frame in range(1, 4):
        shutil.copy(data_set[1] / "v2/00000.jpg", data_set[1] / f"v2/{frame:05d}.jpg")
    (warning,) = found(check_data(*data_set))
    assert (warning.kind, warning.entry) == ("frozen video", "videos[1] (id 2)")


def test_images_that_no_video_names_are_a_notice(data_set):
    cv2.imwrite(str(data_set[1] / "spare.png"), picture(9, 0))
    (notice,) = found(check_data(*data_set))
    assert notice.severity == "notice"
    assert "1 images" in notice.problem
    assert "spare.png" in notice.problem


@pytest.mark.parametrize("workers", [1, 3])
def test_every_image_is_decoded_once_however_often_it_is_named(data_set, monkeypatch, workers):
    change(data_set[0], share_frame)
    read = []
    monkeypatch.setattr(
        "sgnet.data_check.image_checks.read_frame",
        lambda path: (read.append(path), picture(1, 0))[1],
    )
    check_data(*data_set, workers=workers)
    assert len(read) == len(set(read)) == 11


def copy_of_a_video(root, seed, scale=0.6):
    """A set whose only video is a re-encoded, resized copy of another set's."""
    path, images = write_data_set(root, seeds=(seed,), prefix="other")
    size = (round(scale * WIDTH), round(scale * HEIGHT))
    for file in images.rglob("*.jpg"):
        smaller = cv2.resize(cv2.imread(str(file)), size, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(file), smaller, [cv2.IMWRITE_JPEG_QUALITY, 70])
    change(path, lambda d: d.pop("annotations"))
    change(path, lambda d: d["videos"][0].update(width=size[0], height=size[1]))
    return path, images


def test_a_resized_copy_in_the_other_file_is_an_error_and_other_clips_are_not(data_set, tmp_path):
    assert found(check_data(*data_set, against=write_data_set(tmp_path / "a", (4, 5), "w"))) == []
    check = check_data(*data_set, against=copy_of_a_video(tmp_path / "b", 2))
    (error,) = found(check)
    assert (error.severity, error.kind, error.entry) == ("error", "leak", "videos[1] (id 2)")
    assert check.leaked == {1}


def test_near_duplicates_within_a_file_are_a_warning(tmp_path):
    path, images = write_data_set(tmp_path, seeds=(1, 2, 3))
    for frame in range(4):
        image = cv2.imread(str(images / f"v1/{frame:05d}.jpg"))
        cv2.imwrite(str(images / f"v3/{frame:05d}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 60])
    (warning,) = found(check_data(path, images))
    assert (warning.kind, warning.entry) == ("near duplicate", "videos[0] (id 1)")
    assert "videos[2] (id 3)" in warning.problem


def test_wrong_places_are_refused(data_set, tmp_path):
    with pytest.raises(ValueError, match="expected the folder of the images"):
        check_data(data_set[0], tmp_path / "none")
    with pytest.raises(ValueError, match="against needs the images"):
        check_data(data_set[0], against=data_set)
    with pytest.raises(ValueError, match="workers must be"):
        check_data(*data_set, workers=0)


def test_a_report_holds_counts_figures_findings_and_a_picture(data_set, tmp_path):
    change(data_set[0], shift)
    check = check_data(*data_set)
    text = write_report(check, tmp_path / "out")
    assert (tmp_path / "out/report.md").read_text() == text
    assert "| videos | 3 |" in text
    assert "bboxes[2] must be the mask's" in text
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["counts"] == {"error": 0, "warning": 1, "notice": 0}
    assert report["figures"]["objects"] == 18
    assert report["findings"][0]["field"] == "bboxes[2]"
    assert cv2.imread(str(tmp_path / "out/report.png")).shape[1] > 1000


def test_an_unreadable_file_has_a_report_without_figures(tmp_path):
    (tmp_path / "x.json").write_text("{")
    text = write_report(check_data(tmp_path / "x.json"), tmp_path / "out")
    assert "unreadable" in text
    assert not (tmp_path / "out/report.png").exists()


def test_the_picture_of_an_earlier_check_does_not_stay_beside_another_report(data_set, tmp_path):
    write_report(check_data(*data_set), tmp_path / "out")
    (tmp_path / "x.json").write_text("{")
    write_report(check_data(tmp_path / "x.json"), tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"report.md", "report.json"}


def test_no_picture_of_a_stills_file_fails_for_want_of_motion(tmp_path):
    still = {"id": 1, "width": 9, "height": 9, "file_name": "a.jpg"}
    document = {"images": [still], "categories": [{"id": 1, "name": "x"}], "annotations": []}
    (tmp_path / "x.json").write_text(json.dumps(document))
    check = check_data(tmp_path / "x.json")
    assert "COCO stills" in write_report(check, tmp_path / "out")
    assert check.findings.count("error") == 0


def break_everything(path, images):
    def edit(document):
        track(document, 1)["id"] = 1
        track(document, 2)["segmentations"][0] = "x"
        track(document, 3).update(segmentations=[None] * 4, bboxes=[None] * 4, areas=[None] * 4)
        shift(document)
        document["annotations"].append({"id": 50, "video_id": 99})
        document["annotations"].append("x")
        track(document, 5)["category_id"] = 77
        document["videos"].append({"id": 8, "width": 0})

    change(path, edit)
    (images / "v1/00001.jpg").unlink()
    cut_off(images / "v1/00003.jpg")


@pytest.mark.parametrize("copied", [False, True])
def test_a_repaired_copy_has_no_errors_and_the_original_is_untouched(data_set, tmp_path, copied):
    break_everything(*data_set)
    before = {p: p.read_bytes() for p in (tmp_path / "set").rglob("*") if p.is_file()}
    check = check_data(*data_set)
    assert check.findings.count("error") >= 7
    fixes = write_repaired(check, tmp_path / "fixed", "train", copied)
    after = {p: p.read_bytes() for p in (tmp_path / "set").rglob("*") if p.is_file()}
    assert before == after
    images = tmp_path / "fixed/train/JPEGImages"
    assert images.is_symlink() != copied
    again = check_data(tmp_path / "fixed/train.json", images)
    assert {f.kind for f in found(again)} - {"unused images"} == {"category without examples"}
    data = load_annotations(tmp_path / "fixed/train.json")
    assert [(v.id, v.length) for v in data.videos] == [(1, 2), (2, 4), (3, 4)]
    assert data.videos[0].file_names == ("v1/00000.jpg", "v1/00002.jpg")
    tracks = {t.id: t for t in data.tracks()}
    assert sorted(tracks) == [1, 3, 5]
    assert tracks[1].segmentations == (box_mask(5, 5), box_mask(11, 5))
    assert tracks[1].boxes_xywh[1] == (11, 5, 20, 12)
    assert tracks[3].segmentations[0] is None
    written = json.loads((tmp_path / "fixed/fixes.json").read_text())
    assert [(f["entry"], f["done"]) for f in written] == [(f.entry, f.done) for f in fixes]
    entries = " ".join(f"{fix.entry} {fix.done}" for fix in fixes)
    for words in ("frames dropped that cannot be read: 1, 3", "never visible", "videos[3]"):
        assert words in entries


def test_an_id_that_two_tracks_have_is_given_anew(data_set, tmp_path):
    change(data_set[0], lambda d: track(d, 1).update(id=1))
    write_repaired(check_data(*data_set), tmp_path / "fixed", "train")
    tracks = list(load_annotations(tmp_path / "fixed/train.json").tracks())
    assert [t.id for t in tracks] == [1, 7, 3, 4, 5, 6]
    assert tracks[1].segmentations[1] == box_mask(50, 40)


def test_a_video_id_that_two_claim_goes_with_both_and_their_tracks(data_set, tmp_path):
    change(data_set[0], lambda d: d["videos"][1].update(id=1))
    write_repaired(check_data(*data_set), tmp_path / "fixed", "train")
    read = load_annotations(tmp_path / "fixed/train.json")
    assert [v.id for v in read.videos] == [3]
    assert {t.video_id for t in read.tracks()} == {3}


def test_tracks_of_a_category_id_that_two_claim_are_dropped(data_set, tmp_path):
    change(data_set[0], lambda d: d["categories"].append({"id": 1, "name": "cow"}))
    write_repaired(check_data(*data_set), tmp_path / "fixed", "train")
    read = load_annotations(tmp_path / "fixed/train.json")
    assert [t.id for t in read.tracks()] == [2, 4, 6]
    assert [c.name for c in read.categories] == ["bear", "ape"]


def join(document, name):
    document["categories"].append({"id": 7, "name": name})
    track(document, 2)["category_id"] = 7


@pytest.mark.parametrize("name", ["bear", "bear "])
def test_two_categories_of_one_name_are_an_error_and_joined_in_a_copy(data_set, tmp_path, name):
    change(data_set[0], lambda d: join(d, name))
    check = check_data(*data_set)
    (only,) = found(check)
    assert (only.severity, only.entry, only.field) == ("error", "categories[2] (id 7)", "name")
    with pytest.raises(ValueError, match=re.escape(only.message)):
        load_annotations(data_set[0])
    fixes = write_repaired(check, tmp_path / "fixed", "train")
    assert [(fix.entry, fix.done.split(" of ")[0]) for fix in fixes] == [
        ("categories[2] (id 7)", "joined with categories[0] (id 1)")
    ]
    read = load_annotations(tmp_path / "fixed/train.json")
    assert [c.name for c in read.categories] == ["bear", "ape"]
    assert [t.category_id for t in read.tracks()] == [1, 2, 1, 2, 1, 2]


def test_tracks_of_a_joined_id_that_two_claim_are_dropped(data_set, tmp_path):
    change(data_set[0], lambda d: join(d, "bear"))
    change(data_set[0], lambda d: d["categories"].append({"id": 7, "name": "cow"}))
    write_repaired(check_data(*data_set), tmp_path / "fixed", "train")
    read = load_annotations(tmp_path / "fixed/train.json")
    assert [t.id for t in read.tracks()] == [1, 2, 4, 5, 6]


def test_leaked_videos_are_dropped(data_set, tmp_path):
    other = copy_of_a_video(tmp_path / "b", 2)
    write_repaired(check_data(*data_set, against=other), tmp_path / "fixed", "train")
    read = load_annotations(tmp_path / "fixed/train.json")
    assert [v.id for v in read.videos] == [1, 3]


def test_an_original_is_never_replaced(data_set, tmp_path):
    check = check_data(*data_set)
    with pytest.raises(ValueError, match="another folder"):
        write_repaired(check, tmp_path / "set", "train")
    (tmp_path / "full/train/JPEGImages").mkdir(parents=True)
    with pytest.raises(ValueError, match="no such folder yet"):
        write_repaired(check, tmp_path / "full", "train")
    write_repaired(check, tmp_path / "linked", "train")
    with pytest.raises(ValueError, match="no such folder yet"):
        write_repaired(check, tmp_path / "linked", "train", copy_images=True)


def test_nothing_left_is_refused(data_set, tmp_path):
    shutil.rmtree(data_set[1])
    data_set[1].mkdir()
    with pytest.raises(ValueError, match="no video is left"):
        write_repaired(check_data(*data_set), tmp_path / "fixed", "train")
    assert not (tmp_path / "fixed/train.json").exists()


BAD = Path(__file__).parents[1] / "bad"


@pytest.mark.parametrize("name", sorted(path.name for path in BAD.glob("ann_*.json")))
def test_what_is_left_of_any_bad_file_is_sound(tmp_path, name):
    check, refusal = check_data(BAD / name), ""
    try:
        write_repaired(check, tmp_path, "train")
    except ValueError as error:
        refusal = str(error)
    if refusal:
        assert "no video is left" in refusal or "nothing to repair" in refusal
        assert list(tmp_path.iterdir()) == []
        return
    load_annotations(tmp_path / "train.json")
    assert check_data(tmp_path / "train.json").findings.count("error") == 0
