"""Tries tracker settings on detections that are kept: the network runs once, a trial takes seconds.

sgnet tune-tracker checkpoint=runs/demo/checkpoints/last.ckpt tracker.max_age=5
sgnet tune-tracker -m hydra/sweeper=tracker checkpoint=runs/demo/checkpoints/last.ckpt

Choose on other videos than those that figures are reported on: the default is the split `dev`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from sgnet import __version__
from sgnet.commands.evaluate import category_ids
from sgnet.commands.settings import given
from sgnet.data.annotations.youtube_vis import YouTubeVIS, find_split, load_annotations
from sgnet.evaluation.average_precision import UNDEFINED, evaluate
from sgnet.files.atomic_file import require_writable_file
from sgnet.inference.detection_cache import (
    CachedVideo,
    detect_videos,
    load_cache,
    save_cache,
    track_cached,
)
from sgnet.inference.devices import torch_device
from sgnet.inference.video_predictor import open_predictor
from sgnet.structures import Category, Video
from sgnet.tracking import MovementTracker
from sgnet.training.manifest import file_hash

Detected = tuple[list[CachedVideo], tuple[Category, ...]]


def run(cfg: DictConfig) -> float:
    """One trial: AP of the settings.

    Raises:
        ValueError: a threshold below that of the kept detections, or a file is wrong.
    """
    split = detected_split(cfg)
    truth, videos = split.annotations, split.videos
    tracker = MovementTracker(**given(cfg.tracker))
    tracks = track_cached(split.detected, tracker, split.category_ids, cfg.score_threshold)
    wanted = {video.id for video in videos}
    annotated = [track for track in truth.tracks() if track.video_id in wanted]
    ap = evaluate(videos, truth.categories, annotated, tracks).stats["AP"]
    if ap == UNDEFINED:
        raise ValueError(
            f"{split.path}: the videos must show objects to choose settings by, got none"
        )
    sys.stdout.write(
        f"AP {ap:.4f}  score_threshold {cfg.score_threshold:.3f}  {tracker.settings}\n"
    )
    return ap


@dataclass(frozen=True)
class DetectedSplit:
    """The videos of a split and what a checkpoint detects in them.

    Attributes:
        path: annotation file.
        annotations: its contents.
        videos: that are scored.
        detected: detections of each.
        category_ids: category id of each class index of the checkpoint.
    """

    path: Path
    annotations: YouTubeVIS
    videos: tuple[Video, ...]
    detected: list[CachedVideo]
    category_ids: list[int]


def detected_split(cfg: DictConfig) -> DetectedSplit:
    """Detections of the split that settings name, made once for all trials of a sweep.

    Raises:
        ValueError: a threshold below that of the kept detections, or a file is wrong.
    """
    if cfg.score_threshold < cfg.lowest_score:
        raise ValueError(
            f"score_threshold must be at least lowest_score {cfg.lowest_score}, "
            f"got {cfg.score_threshold}"
        )
    torch_device(cfg.device)  # refused before data are made
    data = instantiate(cfg.data, _convert_="all")
    data.prepare_split(cfg.split)
    path, images = find_split(data.root, cfg.split)
    annotations = annotations_of_file(path)
    videos = tuple(data.scored_videos(cfg.split))
    settings = json.dumps(OmegaConf.to_container(cfg.detect, resolve=True))
    detected, classes = _detections(settings, path, images, videos)
    own_ids = category_ids(classes, annotations.categories)
    return DetectedSplit(path, annotations, videos, detected, own_ids)


@lru_cache(maxsize=1)
def annotations_of_file(path: Path) -> YouTubeVIS:
    """An annotation file, read once for all trials of a sweep."""
    return load_annotations(path)


@lru_cache(maxsize=1)
def _detections(settings: str, path: Path, images: Path, videos: Sequence[Video]) -> Detected:
    """From the file beside the checkpoint, or from the network.

    Args:
        settings: `detect` as JSON.
        path: annotation file.
        images: folder of its frames.
        videos: to detect in.
    """
    detect = json.loads(settings)
    decoder = {"score_threshold": detect["lowest_score"], **given(detect["decoder"])}
    file = Path(detect["cache"] or f"{detect['checkpoint']}.detections.npz")
    require_writable_file(file)
    predictor = open_predictor(
        detect["checkpoint"], detect["device"], decoder=decoder, weights=detect["weights"]
    )
    made_of = {
        "sgnet": __version__,
        "device": detect["device"],
        "checkpoint": file_hash(Path(detect["checkpoint"])),
        "weights": detect["weights"],
        "annotations": file_hash(path),
        "input_size": list(predictor.input_size),
        "videos": [video.id for video in videos],
        "decoder": {name: value for name, value in sorted(decoder.items())},
    }
    cached = load_cache(file, made_of, videos, len(predictor.classes))
    if cached is None:
        require_writable_file(file)
        cached = detect_videos(predictor, videos, images)
        save_cache(cached, made_of, file)
    return cached, predictor.classes
