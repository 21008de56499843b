"""Composed videos: written as YouTube-VIS sets, the same from a seed, with real motion."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sgnet.data.annotations.annotation_writer import save_annotations, visible_track
from sgnet.data.annotations.youtube_vis import find_split, load_annotations
from sgnet.data.clips.composer import ComposingRules, VideoComposer, write_composed
from sgnet.data.clips.copy_paste import PasteRules
from sgnet.ops.rle import decode, encode
from sgnet.records import Category, Video

SIZES = {1: (48, 64, 3), 2: (60, 80, 5), 3: (48, 64, 1)}  # height, width, frames
COLOURS = {1: (200, 30, 30), 2: (30, 200, 30), 3: (30, 30, 200)}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Three videos; in each a square of a colour of its own that moves by 4 pixels a frame."""
    folder = tmp_path_factory.mktemp("source")
    videos, tracks = [], []
    for number, (height, width, length) in SIZES.items():
        names = tuple(f"v{number}/{t}.png" for t in range(length))
        (folder / f"v{number}").mkdir()
        masks = []
        for t, name in enumerate(names):
            mask = np.zeros((height, width), np.uint8)
            mask[10:30, 10 + 4 * t : 30 + 4 * t] = 1
            image = np.full((height, width, 3), 90, np.uint8)
            image[mask == 1] = COLOURS[number]
            cv2.imwrite(str(folder / name), image[..., ::-1])
            masks.append(encode(mask))
        videos.append(Video(number, width, height, length, names))
        tracks.append(visible_track(number, number, number, masks))
    categories = [Category(number, f"square {number}") for number in SIZES]
    save_annotations(folder / "train.json", categories, videos, tracks)
    return folder


def composer(source, seed=0, **settings) -> VideoComposer:
    rules = ComposingRules(**settings)
    return VideoComposer(load_annotations(source / "train.json"), source, rules, seed)


def test_without_pasted_objects_the_videos_are_their_grounds(source):
    plain = composer(source, objects=(0, 0))
    for number in range(3):
        ground = plain.ground(number)
        for t, frame in enumerate(plain.frames(number)):
            stored = cv2.imread(str(source / ground.file_names[t]))[..., ::-1]
            np.testing.assert_array_equal(frame.image, stored)
            assert frame.labels == (ground.id,)
    assert {plain.ground(number).id for number in range(3)} == {1, 2, 3}


def test_what_is_written_is_a_data_set_whose_masks_are_those_of_the_frames(source, tmp_path):
    made = composer(source, objects=(1, 2), paste=PasteRules(scale=(1, 1), inside=1))
    write_composed(made, tmp_path / "new", "train", 6)
    path, images = find_split(tmp_path / "new", "train")
    read = load_annotations(path)
    assert [video.length for video in read.videos] == [made.ground(n).length for n in range(6)]
    assert len(read) > 8
    for number, video in enumerate(read.videos):
        tracks = [read.track(i) for i in read.tracks_of_video(video.id)]
        for t, frame in enumerate(made.frames(number)):
            stored = cv2.imread(str(images / video.file_names[t]))[..., ::-1].astype(int)
            assert np.abs(stored - frame.image).mean() < 12  # of JPEG
            masks = [m for m in (track.segmentations[t] for track in tracks) if m is not None]
            shown = sum((decode(mask) for mask in masks), np.zeros(stored.shape[:2], int))
            assert shown.max() <= 1  # each pixel belongs to one object
            background = np.abs(frame.image.astype(int) - 90).max(axis=2) == 0
            assert not (shown.astype(bool) & background).any()


def test_pasted_objects_keep_their_motion(source):
    made = composer(source, seed=3, objects=(1, 1), paste=PasteRules(scale=(1, 1), inside=1))
    checked = 0
    for number in range(9):
        centers = {}
        for t, frame in enumerate(made.frames(number)):
            for label, identity, mask in zip(
                frame.labels, frame.track_ids, frame.masks, strict=True
            ):
                columns = np.flatnonzero(mask.any(axis=0))
                if identity == 2 and columns[0] > 0 and columns[-1] < mask.shape[1] - 1:
                    height, width, _ = SIZES[label]
                    scale = min(mask.shape[0] / height, mask.shape[1] / width)
                    centers[t] = (columns.mean() / scale, label)
        for t in sorted(centers):
            if t + 1 in centers and centers[t][1] != 3:
                assert abs(centers[t + 1][0] - centers[t][0]) == pytest.approx(4, abs=1)
                checked += 1
    assert checked > 5


def test_the_same_seed_gives_the_same_files_and_another_gives_others(source, tmp_path):
    def files(name, seed):
        write_composed(composer(source, seed), tmp_path / name, "train", 2)
        found = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        return {p.relative_to(tmp_path / name): p.read_bytes() for p in found}

    one, same, other = files("a", 1), files("b", 1), files("c", 2)
    assert one == same
    assert one != other


def test_a_split_that_exists_is_left_alone(source, tmp_path):
    write_composed(composer(source), tmp_path, "train", 1)
    before = (tmp_path / "train.json").read_bytes()
    with pytest.raises(ValueError, match="must not exist yet"):
        write_composed(composer(source, 5), tmp_path, "train", 1)
    assert (tmp_path / "train.json").read_bytes() == before


def test_wrong_settings_are_refused(source, tmp_path):
    with pytest.raises(ValueError, match="objects"):
        ComposingRules(objects=(3, 1))
    with pytest.raises(ValueError, match="count"):
        write_composed(composer(source), tmp_path, "train", 0)
    save_annotations(tmp_path / "empty.json", [Category(1, "a")], [Video(1, 4, 4, 1, ("x",))], [])
    with pytest.raises(ValueError, match="visible objects"):
        VideoComposer(load_annotations(tmp_path / "empty.json"), source, ComposingRules(), 0)


def test_a_broken_frame_leaves_nothing_behind(source, tmp_path):
    for path in source.rglob("*"):
        if path.is_file():
            target = tmp_path / "broken" / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    (tmp_path / "broken/v2/3.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"v2/3\.png"):
        write_composed(composer(tmp_path / "broken"), tmp_path / "new", "train", 3)
    assert not [path for path in (tmp_path / "new").rglob("*") if path.is_file()]
    write_composed(composer(source), tmp_path / "new", "train", 3)


def test_crowds_of_the_ground_stay_crowds_and_are_never_pasted(source, tmp_path):
    read = load_annotations(source / "train.json")
    tracks = [read.track(i) for i in range(3)]
    crowd = visible_track(4, 2, 1, tracks[1].segmentations, crowd=True)
    save_annotations(source / "crowd.json", read.categories, read.videos, [*tracks, crowd])
    annotations = load_annotations(source / "crowd.json")
    made = VideoComposer(annotations, source, ComposingRules(objects=(1, 2)), 0)
    write_composed(made, tmp_path, "train", 3)
    new = load_annotations(tmp_path / "train.json")
    crowds = [new.track(i) for i in range(len(new)) if new.track(i).iscrowd]
    assert [made.ground(track.video_id - 1).id for track in crowds] == [2]


def test_more_objects_than_other_videos_have_are_refused(source):
    with pytest.raises(ValueError, match="at least 3 must be found outside of each video, got 2"):
        composer(source, objects=(3, 4))
