"""Trackers on kept detections give what evaluating the checkpoint gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from builders import save_tiny_checkpoint, tiny_run
from hydra import compose, initialize_config_dir

from sgnet.data.annotations.youtube_vis import find_split, load_annotations
from sgnet.inference.detection_cache import detect_videos, load_cache, save_cache, track_cached
from sgnet.inference.split_tracking import streamed
from sgnet.inference.video_predictor import open_predictor
from sgnet.tracking import MovementTracker
from sgnet.training.training_run import train

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A folder with two small videos, and a checkpoint that finds something in each frame."""
    folder = tmp_path_factory.mktemp("cache")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        train(compose("train", tiny_run(folder, "trainer.max_epochs=1")))
    save_tiny_checkpoint(folder / "tiny.ckpt", lively=True)
    return folder


def predictor(folder: Path, threshold: float, **tracker):
    decoder = {"score_threshold": threshold}
    return open_predictor(folder / "tiny.ckpt", "cpu", decoder=decoder, tracker=tracker)


def videos_of(folder: Path):
    path, images = find_split(folder / "data/shapes_small", "val")
    return load_annotations(path).videos, images


def test_no_video_and_no_detection_are_fine(material, tmp_path):
    videos, images = videos_of(material)
    cached = detect_videos(predictor(material, 0.999), videos[:1], images)
    assert track_cached(cached, MovementTracker(), [7, 8, 9], 0.999) == []
    save_cache(cached, {"a": 1}, tmp_path / "empty.npz")
    (again,) = load_cache(tmp_path / "empty.npz", {"a": 1}, videos[:1])
    assert [len(frame.instances) for frame in again[1]] == [0] * videos[0].length


@pytest.mark.parametrize(
    ("share", "settings"),
    [
        (0.0, {}),
        (0.5, {"max_age": 0, "class_aware": False}),
        (0.8, {"point": "location", "radius_scale": 2.0}),
    ],
)
def test_cached_detections_track_as_the_network_would_with_these_settings(
    material, tmp_path, share, settings
):
    videos, images = videos_of(material)
    cached = detect_videos(predictor(material, 0.0), videos, images)
    scores = [i.score for _, frames in cached for frame in frames for i in frame.instances]
    assert len(scores) > 10
    threshold = float(np.quantile(scores, share)) if share else 0.0
    expected = streamed(predictor(material, threshold, **settings))(videos, images, [7, 8, 9])
    assert expected
    made_of = {"checkpoint": "x", "threshold": threshold}
    save_cache(cached, made_of, tmp_path / "kept.npz")
    for kept in (cached, load_cache(tmp_path / "kept.npz", made_of, videos)):
        found = track_cached(kept, MovementTracker(**settings), [7, 8, 9], threshold)
        assert found == expected
    assert load_cache(tmp_path / "kept.npz", {"checkpoint": "y"}, videos) is None
    assert load_cache(tmp_path / "absent.npz", made_of, videos) is None


def crafted(good: Path, path: Path, **arrays) -> Path:
    with np.load(good) as file:
        np.savez_compressed(path, **{**{name: file[name] for name in file.files}, **arrays})
    return path


def damaged(good: Path, path: Path, kind: str) -> Path:
    whole = good.read_bytes()
    with np.load(good) as file:
        counts, ends = file["mask_counts"], file["mask_ends"]
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "foreign":
        path.write_text("hello")
    elif kind == "another's arrays":
        np.savez(path, a=np.zeros(3))
    elif kind == "run lengths":
        crafted(good, path, mask_counts=np.full_like(counts, 48 + 32 + 15))
    elif kind == "ends":
        crafted(good, path, mask_ends=ends[::-1])
    elif kind == "sizes":
        crafted(good, path, mask_sizes=np.full((len(ends), 2), 2**40))
    elif kind == "labels":
        crafted(good, path, labels=np.full(len(ends), 10**6))
    elif kind == "places":
        crafted(good, path, movements=np.full((len(ends), 2), np.nan, dtype=np.float32))
    elif kind == "bomb":
        crafted(good, path, more=np.zeros(10**8, dtype=np.uint8))
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "truncated",
        "foreign",
        "another's arrays",
        "run lengths",
        "ends",
        "sizes",
        "labels",
        "places",
        "bomb",
    ],
)
def test_an_unreadable_cache_is_no_cache_and_that_is_said_once(material, tmp_path, caplog, kind):
    videos, images = videos_of(material)
    cached = detect_videos(predictor(material, 0.0), videos[:1], images)
    save_cache(cached, {"a": 1}, tmp_path / "good.npz")
    path = damaged(tmp_path / "good.npz", tmp_path / "bad.npz", kind)
    assert load_cache(path, {"a": 1}, videos[:1], num_classes=3) is None
    (record,) = caplog.records
    assert str(path) in record.getMessage()
    assert "are made again" in record.getMessage()
    assert load_cache(tmp_path / "good.npz", {"a": 1}, videos[:1], num_classes=3) is not None


def test_optuna_tries_settings_on_kept_detections(material, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts/tune_tracker.py"),
            "-m",
            "hydra/sweeper=tracker",
            "hydra.sweeper.n_trials=4",
            f"hydra.sweep.dir={tmp_path}",
            f"checkpoint={material}/run/checkpoints/last.ckpt",
            *(o for o in tiny_run(material) if o.startswith(("data.", "+data.", "paths.data"))),
            "data.num_val_videos=2",
            "split=val",
            "lowest_score=0.01",
            "score_threshold=0.01",
            f"cache={tmp_path}/kept.npz",
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    tried = [line for line in done.stdout.splitlines() if line.startswith("AP ")]
    assert len(tried) == 4
    assert len(set(tried)) > 1
    best = yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())
    assert best["best_value"] == pytest.approx(
        max(float(line.split()[1]) for line in tried), abs=1e-4
    )
    assert "score_threshold" not in best["best_params"]  # given on the command line
    assert (tmp_path / "kept.npz").stat().st_size > 0
