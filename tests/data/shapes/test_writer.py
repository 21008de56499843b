import dataclasses
import json
from pathlib import Path

import cv2
import pytest

from sgnet.data.shapes import ShapesSpec, generate_shapes, writer

TINY = ShapesSpec(width=64, height=48, min_frames=2, max_frames=4)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    for workers in (0, 1, 2):
        generate_shapes(tmp_path / str(workers), TINY, "train", 5, 7, num_workers=workers)
    alone = contents(tmp_path / "0")
    assert len(alone) > 10
    assert alone == contents(tmp_path / "1") == contents(tmp_path / "2")


def test_layout_and_ids_are_those_of_youtube_vis(tmp_path: Path) -> None:
    path = generate_shapes(tmp_path, TINY, "val", 4, 0)
    assert path == tmp_path / "val" / "instances.json"
    content = json.loads(path.read_text())
    assert [category["id"] for category in content["categories"]] == list(range(1, 9))
    lengths = {}
    for video in content["videos"]:
        lengths[video["id"]] = video["length"]
        assert len(video["file_names"]) == video["length"]
        for name in video["file_names"]:
            frame = cv2.imread(str(tmp_path / "val" / "JPEGImages" / name))
            assert frame.shape == (video["height"], video["width"], 3) == (48, 64, 3)
    ids = [entry["id"] for entry in content["annotations"]]
    assert len(set(ids)) == len(ids) > 0
    for entry in content["annotations"]:
        length = lengths[entry["video_id"]]
        assert entry["iscrowd"] == 0
        assert (entry["height"], entry["width"], entry["length"]) == (48, 64, length)
        assert len(entry["segmentations"]) == len(entry["bboxes"]) == len(entry["areas"]) == length


def test_train_and_val_share_no_frame(tmp_path: Path) -> None:
    for split in ("train", "val"):
        generate_shapes(tmp_path, TINY, split, 3, 0)
    frames = [
        {path.read_bytes() for path in (tmp_path / split).rglob("*.jpg")}
        for split in ("train", "val")
    ]
    assert not frames[0] & frames[1]


def test_more_videos_keep_the_first_ones(tmp_path: Path) -> None:
    generate_shapes(tmp_path / "few", TINY, "train", 2, 0)
    generate_shapes(tmp_path / "many", TINY, "train", 3, 0)
    few, many = contents(tmp_path / "few"), contents(tmp_path / "many")
    assert all(many[name] == data for name, data in few.items() if name.endswith(".jpg"))


def test_same_arguments_return_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = generate_shapes(tmp_path, TINY, "train", 2, 0)

    def fail(*_: object) -> None:
        pytest.fail("drew again")

    monkeypatch.setattr(writer, "_write_video", fail)
    assert generate_shapes(tmp_path, TINY, "train", 2, 0) == path


@pytest.mark.parametrize("change", ["spec", "seed", "num_videos", "version", "missing frames"])
def test_other_arguments_replace_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = generate_shapes(tmp_path, TINY, "train", 3, 0)
    stray = path.parent / "JPEGImages" / "stray.jpg"
    stray.touch()
    spec, num_videos, seed = TINY, 3, 0
    if change == "spec":
        spec = dataclasses.replace(TINY, width=80)
    elif change == "seed":
        seed = 1
    elif change == "num_videos":
        num_videos = 2
    elif change == "version":
        monkeypatch.setattr(writer, "GENERATOR_VERSION", -1)
    else:
        (path.parent / "JPEGImages" / "00001").rename(tmp_path / "elsewhere")
    generate_shapes(tmp_path, spec, "train", num_videos, seed)
    assert not stray.exists()
    fresh = generate_shapes(tmp_path / "fresh", spec, "train", num_videos, seed)
    assert contents(path.parent) == contents(fresh.parent)


def test_interrupted_generation_leaves_no_annotations_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = generate_shapes(tmp_path, TINY, "train", 2, 0)
    draw = writer.annotate_scene

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "annotate_scene", interrupt)
    with pytest.raises(KeyboardInterrupt):
        generate_shapes(tmp_path, TINY, "train", 2, 1)
    assert not path.exists()
    monkeypatch.setattr(writer, "annotate_scene", draw)
    generate_shapes(tmp_path, TINY, "train", 2, 1)
    assert len(json.loads(path.read_text())["videos"]) == 2


def test_foreign_files_are_never_deleted(tmp_path: Path) -> None:
    frame = tmp_path / "train" / "JPEGImages" / "a" / "0.jpg"
    frame.parent.mkdir(parents=True)
    frame.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="did not write"):
        generate_shapes(tmp_path, TINY, "train", 1, 0)
    assert frame.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("split", "num_videos", "seed", "workers"),
    [
        ("", 1, 0, 0),
        ("a/b", 1, 0, 0),
        ("..", 1, 0, 0),
        ("a", 0, 0, 0),
        ("a", 1, -1, 0),
        ("a", 1, 0, -1),
    ],
)
def test_bad_arguments_are_refused(
    tmp_path: Path, split: str, num_videos: int, seed: int, workers: int
) -> None:
    with pytest.raises(ValueError, match="split must be|expected num_videos"):
        generate_shapes(tmp_path, TINY, split, num_videos, seed, workers)
