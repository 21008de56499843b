"""Several data sets in one: shares, categories by name, COCO's stills, pasted objects."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from data_sets import picture, write_data_set

from sgnet.data.annotations.youtube_vis import find_split, load_annotations
from sgnet.data.clips.clip_pairs import ClipPairDataset
from sgnet.data.clips.copy_paste import ClipCopyPaste
from sgnet.data.clips.mixed_pairs import MixedClipPairs
from sgnet.data.clips.still_motion import StillMotion
from sgnet.data.clips.transforms import ClipPairTransform
from sgnet.data.loading.datamodule import YouTubeVISDataModule
from sgnet.data.loading.training_sources import TrainingSource, load_source
from sgnet.records import Category

SIZE = (64, 96)


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    """Three videos of bears and apes."""
    folder = tmp_path_factory.mktemp("videos")
    write_data_set(folder)
    return folder


@pytest.fixture(scope="module")
def coco(tmp_path_factory) -> Path:
    """Two pictures in COCO's layout, 80x60: a teddy bear, and a bear left of it."""
    root = tmp_path_factory.mktemp("coco")
    (root / "annotations").mkdir()
    (root / "train2017").mkdir()
    names = {1: "bear", 2: "teddy bear", 3: "potted plant", 4: "hair drier"}
    images, annotations = [], []
    for number in (1, 2):
        cv2.imwrite(str(root / f"train2017/{number}.jpg"), picture(90 + number, 0, 80, 60))
        images.append({"id": number, "width": 80, "height": 60, "file_name": f"{number}.jpg"})
        for category, left in ((1, 10), (2, 50)):
            right, top, bottom = left + 20, 20, 40
            annotations.append(
                {
                    "id": 10 * number + category,
                    "image_id": number,
                    "category_id": category,
                    "iscrowd": 0,
                    "bbox": [left, top, 20, 20],
                    "area": 400,
                    "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
                }
            )
    content = {
        "images": images,
        "categories": [{"id": i, "name": name} for i, name in names.items()],
        "annotations": annotations,
    }
    (root / "annotations/instances_train2017.json").write_text(json.dumps(content))
    return root


def dataset(root: Path, split="train", **settings) -> ClipPairDataset:
    path, images = find_split(root, split)
    return ClipPairDataset(load_annotations(path), images, ClipPairTransform(SIZE), **settings)


def module(root: Path, split="train", **settings) -> YouTubeVISDataModule:
    transform = ClipPairTransform(SIZE)
    return YouTubeVISDataModule(
        root, split, None, transform, batch_size=2, num_workers=0, **settings
    )


def from_coco(root: Path, weight: float = 1.0) -> TrainingSource:
    return TrainingSource(root, "train2017", weight)


def test_one_data_set_alone_is_gone_through_as_it_is(videos):
    plain = dataset(videos)
    mixed = MixedClipPairs([plain], [1.0])
    assert len(mixed) == len(plain)
    assert [mixed[i, i].name for i in range(9)] == [plain[i, i].name for i in range(9)]


def test_parts_are_drawn_in_proportion_to_their_weights(videos):
    parts = [dataset(videos), dataset(videos, labels={1: 1})]  # the second one: bears only
    mixed = MixedClipPairs(parts, [1.0, 3.0])
    found = Counter(tuple(mixed[seed % 9, seed].key.labels.tolist()) for seed in range(400))
    of_second = sum(n for labels, n in found.items() if labels == (1,))
    assert 0.69 < of_second / 400 < 0.81


def test_an_item_follows_from_its_seed(videos, coco):
    source = load_source(from_coco(coco), (Category(1, "bear"), Category(2, "ape")))
    parts = [
        dataset(videos),
        ClipPairDataset(
            source.annotations, source.images, ClipPairTransform(SIZE), labels=source.labels
        ),
    ]
    mixed = MixedClipPairs(parts, [1, 1], StillMotion(), ClipCopyPaste(probability=1))
    for seed in range(6):
        one, same, other = mixed[0, seed], mixed[0, seed], mixed[0, seed + 50]
        assert torch.equal(one.key.image, same.key.image)
        assert torch.equal(one.key.masks, same.key.masks)
        assert one.key.image.shape == (3, *SIZE)
        assert not torch.equal(one.key.image, other.key.image)


def test_categories_of_a_further_set_are_matched_by_name(coco):
    source = load_source(from_coco(coco), (Category(4, "ape"), Category(9, "Bear")))
    assert source.labels == {1: 1}
    assert source.taken == {"ape": None, "Bear": "bear"}
    assert source.left_out == ("teddy bear", "potted plant", "hair drier")
    assert "Bear from bear; without a counterpart there: ape; left out of it: teddy" in (
        source.summary()
    )
    with pytest.raises(ValueError, match="some in common"):
        load_source(from_coco(coco), (Category(1, "snake"),))


def test_joint_training_mixes_videos_and_moving_stills(videos, coco, caplog):
    data = module(
        videos, sources=[from_coco(coco)], motion=StillMotion(turn=0), samples_per_epoch=40
    )
    with caplog.at_level(logging.INFO):
        data.setup("fit")
    assert "categories taken: bear; without a counterpart there: ape" in caplog.text
    stills = []
    for batch in data.train_dataloader():
        targets = batch.key_targets
        for row, name in enumerate(batch.names):
            if "/" not in name:  # a picture of COCO
                assert targets.labels[row][targets.valid[row]].tolist() in ([], [0])
                stills += targets.movements[row][targets.in_both[row]].tolist()
    assert len(stills) > 5
    assert np.abs(stills).max() > 1  # pixels
    assert len(data.read_splits) == 2  # in the manifest


def test_videos_that_are_validated_on_are_not_trained_on_as_another_set(videos):
    other = TrainingSource(videos, "train")  # the same videos under another name
    data = module(videos, sources=[other], holdout=0.34)
    data.setup("fit")
    (held_out,) = {video.file_names[0].split("/")[0] for video in data.val_videos}
    mixed = data._pairs_to_train_on()
    names = {mixed[0, seed].name.split("/")[0] for seed in range(60)}
    assert names == {"v1", "v2", "v3"} - {held_out}


def test_cocos_images_alone_can_be_trained_on(coco):
    data = module(coco, "train2017", motion=StillMotion(), samples_per_epoch=4)
    data.setup("fit")
    assert [c.name for c in data.categories][:2] == ["bear", "teddy bear"]
    batch = next(iter(data.train_dataloader()))
    assert batch.key_targets.in_both.any()
    assert not torch.equal(batch.key_images, batch.reference_images)


def test_without_motion_both_frames_of_a_still_are_alike(coco):
    data = module(coco, "train2017")
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert torch.equal(batch.key_images, batch.reference_images)
    assert not batch.key_targets.movements.any()


def test_pasted_objects_come_out_as_targets(videos):
    plain, more = (
        module(videos, samples_per_epoch=16, copy_paste=ClipCopyPaste(probability=p, most=3))
        for p in (0.0, 1.0)
    )
    counts = []
    for data in (plain, more):
        data.setup("fit")
        batches = list(data.train_dataloader())
        counts.append(sum(int(batch.key_targets.valid.sum()) for batch in batches))
    assert isinstance(plain._pairs_to_train_on(), ClipPairDataset)
    assert counts[1] > 1.3 * counts[0]


def test_objects_are_cut_from_all_data_sets(videos):
    parts = [dataset(videos, labels={1: 0}), dataset(videos, labels={2: 1})]  # bears, and apes
    paste = ClipCopyPaste(probability=1, most=3)
    for weights, expected in (([1.0, 1.0], {0, 1}), ([1.0, 1e-9], {0})):
        mixed = MixedClipPairs(parts, weights, copy_paste=paste)
        keys = [mixed[seed % 9, seed].key for seed in range(20)]
        # pasted ones have ids above all of the file's
        assert {i for key in keys for i in key.labels[key.track_ids > 2**31].tolist()} == expected


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, -1.0]])
def test_wrong_weights_are_refused(videos, weights):
    with pytest.raises(ValueError, match="weights"):
        MixedClipPairs([dataset(videos)] * 2, weights)


@pytest.mark.parametrize(
    ("annotations", "images"),
    [
        ("train.json", "train/JPEGImages"),
        ("train/instances.json", "train/JPEGImages"),
        ("annotations_train.json", "train"),
        ("annotations/instances_train.json", "train"),
        ("VideoDenseSet/UVO_video_train_dense_with_label.json", "uvo_videos_dense_frames"),
        ("VideoDenseSet/UVO_video_train_dense.json", "uvo_videos_dense_frames"),
    ],
)
def test_the_layouts_of_public_sets_are_found(tmp_path, annotations, images):
    for place in (annotations, images + "/x.jpg"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    assert find_split(tmp_path, "train") == (tmp_path / annotations, tmp_path / images)
    with pytest.raises(FileNotFoundError, match="instances_val.json, found none"):
        find_split(tmp_path, "val")
