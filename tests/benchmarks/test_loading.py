"""The straightforward loader gives what ours gives; the script that times both runs to its end."""

from __future__ import annotations

import json
from dataclasses import replace

import albumentations as A
import numpy as np
import pytest
import torch
from data_sets import LENGTH, write_data_set
from script_runner import run_script

from benchmarks import loading
from benchmarks.loading import WHOLE, LoadedSet, StraightforwardPairs, stages
from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.data.clips.transforms import ClipPairTransform

SIZE = (64, 96)  # of the frames: nothing is resized, so pixels can be compared
ITEMS = [(index, 100 + index) for index in range(3 * (LENGTH - 1))]


def steps():
    return [
        A.HorizontalFlip(p=0.5),
        A.RandomScale(scale_limit=[-0.25, 0.25], p=0.8),
        A.PadIfNeeded(*SIZE),
        A.RandomCrop(*SIZE),
    ]


@pytest.fixture
def data(tmp_path) -> LoadedSet:
    path, images = write_data_set(tmp_path)
    transform = ClipPairTransform(SIZE, steps())
    return LoadedSet(load_annotations(path), images, transform, max_gap=2, min_area=1)


@pytest.mark.parametrize(("every_mask", "count"), [(True, 6), (False, None)])
def test_masks_are_decoded_once(data, monkeypatch, every_mask, count):
    decoded = []
    own = loading.coco_mask.decode
    monkeypatch.setattr(loading.coco_mask, "decode", lambda rle: decoded.append(rle) or own(rle))
    pair = StraightforwardPairs(data, [A.Resize(*SIZE)], every_mask)[ITEMS[0]]
    shown = len(pair.key.labels) + len(pair.reference.labels)
    assert len(decoded) == (count or shown)


@pytest.mark.parametrize("every_mask", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_both_ways_make_the_same_pairs(data, every_mask, scaled):
    chosen = [step for step in steps() if scaled or not isinstance(step, A.RandomScale)]
    data = replace(data, transform=ClipPairTransform(SIZE, chosen))
    pairs = data.pairs()
    straight = StraightforwardPairs(data, [A.Resize(*SIZE), *chosen], every_mask)
    for item in ITEMS:
        mine, other = pairs[item], straight[item]
        assert (mine.name, mine.seed) == (other.name, other.seed)
        for ours, theirs in ((mine.key, other.key), (mine.reference, other.reference)):
            assert torch.equal(ours.track_ids, theirs.track_ids)
            assert torch.equal(ours.labels, theirs.labels)
            # albumentations takes a scaled mask's nearest pixels, up to one aside
            assert (ours.boxes_xyxy - theirs.boxes_xyxy).abs().max() <= scaled
            if not scaled:
                assert torch.equal(ours.masks, theirs.masks)
            difference = ours.image.int() - theirs.image.int()
            assert difference.abs().max() <= 3  # two JPEG decoders


def test_the_stages_do_what_the_loader_does(data):
    work = stages(data, ITEMS)
    pairs = data.pairs()
    places = [pairs.frames_of(i, np.random.default_rng(seed)) for i, seed in ITEMS]
    frames = [(video, frame) for video, *both in places for frame in both]
    shown = sum(len(data.annotations.frame_objects(*place)) for place in frames)
    assert len(work["read"]()) == len(work["JPEG decode"]()) == 2 * len(ITEMS)
    assert len(work["mask decode"]()) == shown
    assert len(work["transform"]()) == len(ITEMS)
    for name in ("collate", WHOLE):
        batch = work[name]()
        assert batch.seeds == tuple(seed for _, seed in ITEMS)
        assert torch.equal(batch.key_images[4], pairs[ITEMS[4]].key.image)
    sizes = {image.shape for image in work["JPEG decode"]()}
    assert sizes == {(*SIZE, 3)}


def test_the_script_times_a_small_set(tmp_path):
    done = run_script(
        "loader_throughput.py",
        tmp_path,
        "data.spec.width=64",
        "data.spec.height=64",
        "data.train_videos=2",
        "data.transform.size=[64,64]",
        "data.batch_size=2",
        "frame_size=[64,64]",
        "pairs=2",
        "rounds=1",
        "workers=1",
        "batches=2",
        "paths.data_dir=data",
        "output=out.json",
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["loader_pairs_per_s"] > 0
    assert list(figures["ratios"]) == [
        "straightforward",
        "two frames' masks only",
        "and resized first",
    ]
    whole = figures["ms_per_pair"]["whole"]
    straight = figures["ms_per_pair"]["straightforward"]
    assert figures["ratios"]["straightforward"] == pytest.approx(straight / whole)
    assert f"{whole:.2f} ms a pair" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"data", "out.json"}
