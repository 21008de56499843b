"""YouTube-VIS to each form that is written and back; compared bit by bit."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from labelled_builders import CATEGORIES, VIDEOS, rectangle, tracks, write_images
from pycocotools import mask as coco_mask

from sgnet.conversion.coco_video import read_coco_video
from sgnet.conversion.cvat import read_cvat
from sgnet.conversion.davis import read_davis
from sgnet.conversion.mots import read_mots_png, read_mots_txt
from sgnet.conversion.writers import write_cvat, write_davis, write_mots_png, write_mots_txt
from sgnet.conversion.youtube_vis import from_annotations, from_results, save_split
from sgnet.data.annotations.annotation_writer import save_annotations, visible_track
from sgnet.data.annotations.youtube_vis import find_split, load_annotations
from sgnet.evaluation.results import save_results
from sgnet.ops.rle import decode, encode
from sgnet.records import Category, ResultTrack, Video

FORMS = {
    "davis": (write_davis, read_davis),
    "mots_png": (write_mots_png, read_mots_png),
    "mots_txt": (write_mots_txt, read_mots_txt),
    "cvat": (write_cvat, read_cvat),
}
every_form = pytest.mark.parametrize("form", FORMS)


def there_and_back(form, labelled, images, folder: Path):
    write, read = FORMS[form]
    write(labelled, folder / form)
    like = folder / "truth.json" if form == "cvat" else None  # which has names, but no ids
    save_split(read(source=folder / form, images=images), folder / "back", "train", like=like)
    annotations, found = find_split(folder / "back", "train")
    assert found.resolve() == images.resolve()
    return load_annotations(annotations)


@every_form
@pytest.mark.parametrize("count", [0, 1, 3])
def test_everything_comes_back(form, count, images, tmp_path):
    save_annotations(tmp_path / "truth.json", CATEGORIES, VIDEOS, tracks()[:count])
    back = there_and_back(form, from_annotations(tmp_path / "truth.json"), images, tmp_path)
    by_name = {video.file_names: video.id for video in back.videos}
    assert set(by_name) == {video.file_names for video in VIDEOS}
    assert back.categories == CATEGORIES
    names = {category.id: category.name for category in back.categories}
    truth = {1: VIDEOS[0], 2: VIDEOS[1], 3: VIDEOS[2]}
    expected = {
        (truth[t.video_id].file_names, names[t.category_id], t.segmentations, t.boxes_xywh)
        for t in tracks()[:count]
    }
    found = {
        (v.file_names, names[t.category_id], t.segmentations, t.boxes_xywh)
        for v in back.videos
        for t in map(back.track, back.tracks_of_video(v.id))
    }
    assert found == expected
    assert sorted(track.id for track in back.tracks()) == list(range(1, count + 1))


@every_form
def test_ids_and_order_come_back_where_videos_are_sorted(form, tmp_path):
    """Each video numbers its objects from 1 in the form; back, ids are unique again."""
    videos = (Video(1, 8, 6, 1, ("a/7.png",)), Video(2, 8, 6, 1, ("b/7.png",)))
    left, right = (encode(rectangle((6, 8), 0, x, 3, x + 2)) for x in (0, 4))
    truth = [
        visible_track(index + 1, video, 7, [mask])
        for index, (video, mask) in enumerate(itertools.product((1, 2), (left, right)))
    ]
    save_annotations(tmp_path / "truth.json", CATEGORIES, videos, truth)
    images = write_images(tmp_path / "images", videos)
    back = there_and_back(form, from_annotations(tmp_path / "truth.json"), images, tmp_path)
    assert tuple(back.videos) == videos
    assert list(back.tracks()) == truth


def overlapping_results(folder: Path) -> Path:
    """Two results over each other, the weaker one first, and a third below 0.5."""
    masks = [rectangle((6, 8), 0, 0, 4, 5), rectangle((6, 8), 2, 3, 6, 8), np.ones((6, 8), "u1")]
    found = [
        ResultTrack(3, 7, score, (encode(mask),))
        for score, mask in zip((0.6, 0.9, 0.1), masks, strict=True)
    ]
    save_results(found, folder / "results.json")
    return folder / "results.json"


@pytest.mark.parametrize("form", ["davis", "mots_png", "mots_txt"])
def test_pixels_of_several_results_go_to_the_highest_score(form, annotations, images, tmp_path):
    results = from_results(annotations, overlapping_results(tmp_path), min_score=0.5)
    back = there_and_back(form, results, images, tmp_path)
    weak, strong = (decode(track.segmentations[0]) for track in back.tracks())
    expected = rectangle((6, 8), 2, 3, 6, 8)
    assert (strong == expected).all()
    assert (weak == rectangle((6, 8), 0, 0, 4, 5) * (1 - expected)).all()


def test_cvat_keeps_masks_that_overlap_and_leaves_weak_results_out(annotations, images, tmp_path):
    results = from_results(annotations, overlapping_results(tmp_path), min_score=0.5)
    back = there_and_back("cvat", results, images, tmp_path)
    masks = [decode(track.segmentations[0]) for track in back.tracks()]
    assert [mask.sum() for mask in masks] == [20, 20]
    assert (masks[0] & masks[1]).sum() == 4


def test_results_without_a_track_give_videos_without_objects(annotations, images, tmp_path):
    save_results([], tmp_path / "results.json")
    results = from_results(annotations, tmp_path / "results.json", 0.0)
    assert [video.objects for video in results.videos] == [(), (), ()]


def test_crowds_and_objects_never_seen_are_left_out(tmp_path):
    truth = [
        visible_track(1, 3, 7, [encode(rectangle((6, 8), 0, 0, 1, 1))], crowd=True),
        visible_track(2, 3, 7, [None]),
    ]
    save_annotations(tmp_path / "truth.json", CATEGORIES, VIDEOS, truth)
    videos = from_annotations(tmp_path / "truth.json").videos
    assert [video.objects for video in videos] == [(), (), ()]


def test_videos_of_the_same_folder_get_names_of_their_own(tmp_path):
    videos = [
        Video(4, 8, 6, 1, ("a/1.png",)),
        Video(5, 8, 6, 1, ("a/2.png",)),
        Video(6, 8, 6, 2, ()),
    ]
    save_annotations(tmp_path / "truth.json", CATEGORIES, videos, [])
    read = list(from_annotations(tmp_path / "truth.json").videos)
    assert [video.name for video in read] == ["a_4", "a_5", "video_6"]
    assert read[2].file_names == ("video_6/00000.jpg", "video_6/00001.jpg")


@pytest.mark.parametrize(("form", "most"), [("davis", 254), ("mots_png", 999), ("mots_txt", 999)])
@pytest.mark.parametrize("beyond", [0, 1])
def test_more_objects_than_a_form_has_numbers_are_refused(form, most, beyond, tmp_path):
    video = Video(1, 50, 40, 1, ("a/1.png",))
    truth = []
    for index in range(most + beyond):
        mask = np.zeros((40, 50), np.uint8)
        mask.flat[index] = 1
        truth.append(visible_track(index + 1, 1, 3, [encode(mask)]))
    save_annotations(tmp_path / "truth.json", CATEGORIES, [video], truth)
    labelled = from_annotations(tmp_path / "truth.json")
    if beyond:
        with pytest.raises(ValueError, match=f"a: objects must be at most {most}.* got {most + 1}"):
            FORMS[form][0](labelled, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert [path.name for path in tmp_path.iterdir()] == ["truth.json"]
        return
    images = write_images(tmp_path / "images", [video])
    back = there_and_back(form, labelled, images, tmp_path)
    assert list(back.tracks()) == truth


@every_form
def test_a_folder_in_use_is_left_as_it_is(form, annotations, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="new or empty"):
        FORMS[form][0](from_annotations(annotations), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_mots_classes_are_category_ids_unless_one_cannot_be(tmp_path):
    for number, written in ((3, 3), (10, 1), (65, 1)):
        categories = [Category(number, "x")]
        truth = [visible_track(1, 3, number, [encode(rectangle((6, 8), 0, 0, 1, 1))])]
        save_annotations(tmp_path / "truth.json", categories, VIDEOS, truth)
        write_mots_txt(from_annotations(tmp_path / "truth.json"), tmp_path / f"out{number}")
        line = (tmp_path / f"out{number}" / "one.txt").read_text().split()
        assert line[:5] == ["0", f"{written}001", str(written), "6", "8"]
        assert coco_mask.area({"size": [6, 8], "counts": line[5].encode()}) == 1


def test_every_reader_says_that_it_needs_images(annotations, tmp_path):
    for form in ("cvat", "mots_png", "mots_txt"):
        FORMS[form][0](from_annotations(annotations), tmp_path / form)
        with pytest.raises(ValueError, match="images must be the folder"):
            FORMS[form][1](tmp_path / form)
    with pytest.raises(ValueError, match="images must be the folder"):
        read_coco_video(annotations)
