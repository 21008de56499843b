from __future__ import annotations

import hashlib
import json
import multiprocessing
import pickle
import shutil
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

from sgnet.data.annotations.youtube_vis import find_split
from sgnet.data.clips.transforms import ClipPairTransform
from sgnet.data.loading.datamodule import YouTubeVISDataModule
from sgnet.data.loading.loader_processes import prepare_process
from sgnet.data.loading.training_sources import TrainingSource
from sgnet.data.shapes import ShapesSpec, generate_shapes

SPEC = ShapesSpec(width=96, height=64, min_frames=3, max_frames=5)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    generate_shapes(folder, SPEC, "train", 10, seed=0)
    generate_shapes(folder, SPEC, "val", 3, seed=0)
    return folder


def module(root: Path, **settings) -> YouTubeVISDataModule:
    return YouTubeVISDataModule(
        root, "train", "val", ClipPairTransform((64, 96)), batch_size=4, num_workers=0, **settings
    )


def test_batches_and_chunks_come_in_the_promised_form(root):
    data = module(root, frames_per_chunk=2)
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert batch.key_images.shape == batch.reference_images.shape == (4, 3, 64, 96)
    assert batch.key_targets.masks.shape[0] == batch.key_targets.valid.sum()
    lengths = {video.id: video.length for video in data.val_videos}
    seen: dict[int, list[int]] = {}
    for chunk in data.val_dataloader():
        frames = seen.setdefault(chunk.video_id, [])
        assert chunk.first_frame == len(frames)
        frames += range(chunk.images.shape[0])
    assert {video: len(frames) for video, frames in seen.items()} == lengths


@pytest.fixture
def opencv_with_threads():
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    image = np.zeros((2000, 2000, 3), np.uint8)
    cv2.GaussianBlur(image, (9, 9), 0)  # begins the threads
    yield
    cv2.setNumThreads(before)


@pytest.mark.parametrize("kind", ["train", "val"])
def test_loader_processes_come_up_beside_opencvs_threads(root, opencv_with_threads, kind):
    """Behind a fork these do not exist; OpenCV would wait for them for ever."""
    data = module(root)
    data.num_workers = 1
    data.setup("fit")
    loader = data.train_dataloader() if kind == "train" else data.val_dataloader()
    loader.timeout = 60
    before = loader.worker_init_fn

    def check(worker: int) -> None:
        before(worker)
        assert cv2.getNumThreads() == 1  # or all processes use all cores

    loader.worker_init_fn = check
    assert len(list(loader)) == len(loader)


def test_spawned_loader_processes_keep_to_one_core_as_well(monkeypatch):
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda: "spawn")
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        prepare = pickle.loads(pickle.dumps(prepare_process))  # as it reaches the process
        told = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)
        handlers = {number: signal.getsignal(number) for number in told}
        prepare(0)
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_holdout_splits_the_training_videos_without_overlap(root):
    data = module(root, holdout=0.3)
    data.setup("fit")
    held_out = {video.id for video in data.val_videos}
    assert len(held_out) == 3
    keys = {int(v) for v, _ in data.train_dataloader().dataset._keys}
    trained = {data.val_annotations.videos[v].id for v in keys}
    assert trained | held_out == set(range(1, 11))
    assert trained.isdisjoint(held_out)
    assert {video.id for video in module(root, holdout=0.3, seed=1).val_videos} != held_out


def test_a_holdout_by_name_is_the_same_for_every_seed_and_order(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy")
    path = tmp_path / "copy/train/instances.json"
    content = json.loads(path.read_text())
    content["videos"].reverse()
    path.write_text(json.dumps(content))
    names = [video["file_names"][0].rsplit("/", 1)[0] for video in content["videos"]]
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in names}
    expected = {name for name in names if int(digests[name], 16) % 10000 < 3000}
    assert 0 < len(expected) < len(names)
    for folder, seed in ((root, 0), (root, 1), (tmp_path / "copy", 0)):
        data = module(folder, holdout=0.3, holdout_rule="name", seed=seed)
        data.setup("fit")
        held = {video.file_names[0].rsplit("/", 1)[0] for video in data.val_videos}
        assert held == expected
        keys = {int(v) for v, _ in data.train_dataloader().dataset._keys}
        trained = {data.val_annotations.videos[v].id for v in keys}
        assert trained.isdisjoint(video.id for video in data.val_videos)


def test_an_unknown_rule_of_the_holdout_is_refused(root):
    with pytest.raises(ValueError, match="holdout_rule must be"):
        module(root, holdout=0.3, holdout_rule="order")


def test_a_validation_split_without_annotations_is_refused_with_the_way_out(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy")
    path = tmp_path / "copy/val/instances.json"
    content = json.loads(path.read_text())
    del content["annotations"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"no annotations.*data\.holdout"):
        module(tmp_path / "copy").setup("fit")


def test_splits_of_different_categories_are_refused(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy")
    path = tmp_path / "copy/val/instances.json"
    content = json.loads(path.read_text())
    content["categories"][0]["name"] = "blob"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="categories of 'val'.*blob"):
        module(tmp_path / "copy").setup("fit")


def test_splits_whose_categories_differ_in_ids_alone_say_so(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy")
    path = tmp_path / "copy/val/instances.json"
    content = json.loads(path.read_text())
    content["categories"][0]["id"] = 99
    content["annotations"] = []
    path.write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match=r"categories of 'val'.*expected \['1 disc'.*got \['99 disc'"
    ):
        module(tmp_path / "copy").setup("fit")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_validation_of_no_video_is_refused_before_training(root, limit):
    with pytest.raises(ValueError, match="limit_val_videos must be at least 1"):
        module(root, limit_val_videos=limit)


def test_two_categories_of_one_name_are_refused_before_training(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy")
    for path in (tmp_path / "copy").glob("*/instances.json"):
        content = json.loads(path.read_text())
        content["categories"][1]["name"] = content["categories"][0]["name"]
        path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"categories\[1\] \(id 2\): name must be unique"):
        module(tmp_path / "copy").setup("fit")


@pytest.mark.parametrize(
    ("emptied", "words"),
    [
        ((), []),
        (("train",), ["training videos show no object"]),
        (("val",), ["validation videos show no object"]),
        (("train", "val"), ["training videos show no", "validation videos show no"]),
    ],
)
@pytest.mark.parametrize("crowds", [False, True])
def test_a_set_without_objects_is_warned_of_once(root, tmp_path, caplog, emptied, words, crowds):
    shutil.copytree(root, tmp_path / "copy")
    for split in emptied:
        path = tmp_path / "copy" / split / "instances.json"
        content = json.loads(path.read_text())
        kept = content["annotations"] if crowds else []
        content["annotations"] = [{**entry, "iscrowd": 1} for entry in kept]
        path.write_text(json.dumps(content))
    data = module(tmp_path / "copy")
    data.setup("fit")
    data.setup("fit")
    said = [
        record.getMessage()
        for record in caplog.records
        if "videos show no object (" in record.message
    ]
    assert len(said) == len(words)
    assert all(word in message for word, message in zip(words, said, strict=True))


def test_categories_that_only_validation_shows_are_named(root, tmp_path, caplog):
    shutil.copytree(root, tmp_path / "copy")
    path = tmp_path / "copy/train/instances.json"
    content = json.loads(path.read_text())
    val = json.loads((tmp_path / "copy/val/instances.json").read_text())
    number = val["annotations"][0]["category_id"]
    other = next(c["id"] for c in content["categories"] if c["id"] != number)
    for entry in content["annotations"]:
        entry["category_id"] = other
    path.write_text(json.dumps(content))
    module(tmp_path / "copy").setup("fit")
    assert "the training videos show no object of category ids [" in caplog.text
    assert str(number) in caplog.text.rpartition("ids ")[2]


def test_a_missing_split_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train\.json"):
        module(tmp_path).setup("fit")


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_an_impossible_holdout_is_refused(root, share):
    with pytest.raises(ValueError, match="holdout"):
        module(root, holdout=share)


def test_only_held_out_videos_are_scored_of_the_training_split(root):
    data = module(root, holdout=0.3)
    assert [v.id for v in data.scored_videos("train")] == [v.id for v in data.val_videos]
    assert len(data.scored_videos("val")) == 3


@pytest.mark.parametrize("holdout", [0.01, 0.99])
def test_a_holdout_of_no_or_of_all_videos_is_refused(root, holdout):
    with pytest.raises(ValueError, match="leave videos on both sides"):
        module(root, holdout=holdout).setup("fit")


def test_a_training_split_without_annotations_is_refused(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy")
    path = tmp_path / "copy/train/instances.json"
    content = json.loads(path.read_text())
    del content["annotations"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="no annotations to train on"):
        module(tmp_path / "copy").setup("fit")


def test_videos_that_name_no_frames_are_refused(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy")
    path = tmp_path / "copy/val/instances.json"
    content = json.loads(path.read_text())
    for video in content["videos"]:
        del video["file_names"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="video 1: file_names expected"):
        module(tmp_path / "copy").setup("fit")


@pytest.fixture(scope="module")
def both_orientations(tmp_path_factory) -> Path:
    """Four landscape videos in a folder, three upright ones in another."""
    folder = tmp_path_factory.mktemp("both")
    generate_shapes(folder / "a", SPEC, "train", 4, seed=0)
    upright = ShapesSpec(width=64, height=96, min_frames=3, max_frames=5)
    generate_shapes(folder / "b", upright, "train", 3, seed=1)
    return folder


def joined(folder: Path) -> Path:
    """Both sets as one, the upright videos' ids behind the others."""
    places = {kind: find_split(folder / kind, "train") for kind in "ab"}
    first, second = (json.loads(path.read_text()) for path, _ in places.values())
    for video in first["videos"] + second["videos"]:
        kind = "a" if video in first["videos"] else "b"
        video["file_names"] = [f"{kind}/{name}" for name in video["file_names"]]
    most = max(video["id"] for video in first["videos"])
    tracks = max(track["id"] for track in first["annotations"])
    for video in second["videos"]:
        video["id"] += most
    for track in second["annotations"]:
        track["id"] += tracks
        track["video_id"] += most
    root = folder / "joined"
    for kind, (_, images) in places.items():
        shutil.copytree(images, root / "train/JPEGImages" / kind)
    content = {
        **first,
        "videos": first["videos"] + second["videos"],
        "annotations": first["annotations"] + second["annotations"],
    }
    (root / "train.json").write_text(json.dumps(content))
    return root


@pytest.mark.parametrize("mixed", [False, True])
def test_pairs_of_a_batch_have_one_orientation_also_where_frames_are_broken(
    both_orientations, tmp_path, mixed
):
    source = tmp_path / "set"
    shutil.copytree(both_orientations, source)
    root = joined(source)
    (root / "train/JPEGImages" / first_upright(root)).write_bytes(b"?")
    further = (TrainingSource(root, "train"),) if mixed else ()
    data = YouTubeVISDataModule(
        root,
        "train",
        None,
        ClipPairTransform((64, 96)),
        batch_size=2,
        num_workers=0,
        samples_per_epoch=40,
        sources=further,
    )
    data.setup("fit")
    batches = list(data.train_dataloader())
    sizes = [tuple(batch.key_images.shape) for batch in batches]
    assert set(sizes) == {(2, 3, 64, 96), (2, 3, 96, 64)}
    assert len(batches) == 20
    for batch in batches:
        upright = batch.key_images.shape[2] == 96
        assert all(name.startswith("b/") == upright for name in batch.names)
        assert batch.key_targets.masks.shape[1:] == batch.key_images.shape[2:]
    assert any(batch.replaced for batch in batches)
    again = list(data.train_dataloader())
    assert [batch.names for batch in again] == [batch.names for batch in batches]


def first_upright(root: Path) -> str:
    videos = json.loads((root / "train.json").read_text())["videos"]
    return next(v["file_names"][0] for v in videos if v["height"] > v["width"])
