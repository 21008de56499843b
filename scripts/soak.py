"""Memory of the streaming predictor over a long video.

python scripts/soak.py frames=10000 output=soak.json

Streams synthetic frames in which objects come and go through a small untrained network that takes
its best guesses for objects: identities begin and end all the time. Linux only.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig
from rich.progress import track

from sgnet.checkpoints.loading import LoadedCheckpoint
from sgnet.commands.start import start
from sgnet.files.atomic_file import require_writable_file, write_json
from sgnet.inference.video_predictor import VideoPredictor
from sgnet.models import DetectionHead, MaskHead, ResNetFPN, SGNet, TrackingHead
from sgnet.postprocess import DetectionDecoder
from sgnet.records import Category
from sgnet.tracking import MovementTracker

LIFETIME = 60  # frames an object is seen


def frames(cfg: DictConfig) -> Iterator[NDArray[np.uint8]]:
    """Discs of all colours that cross the frame; a new one every tenth frame."""
    random = np.random.default_rng(cfg.seed)
    background = random.integers(60, 120, (cfg.height, cfg.width, 3), dtype=np.uint8)
    discs: list[tuple[int, NDArray[np.float64], NDArray[np.float64], int, list[int]]] = []
    for number in range(cfg.frames):
        if number % 10 == 0:
            place = random.uniform(0, 1, 2) * [cfg.width, cfg.height]
            color = random.integers(0, 256, 3).tolist()
            speed, radius = random.normal(0, 4, 2), int(random.integers(15, 60))
            discs.append((number, place, speed, radius, color))
        discs = [disc for disc in discs if number - disc[0] < LIFETIME]
        image = background.copy()
        for born, place, speed, radius, color in discs:
            x, y = (place + speed * (number - born)).round().astype(int).tolist()
            cv2.circle(image, (x, y), radius, color, -1)
        yield image


def small_predictor(cfg: DictConfig) -> VideoPredictor:
    """An untrained network of a few million weights."""
    torch.manual_seed(cfg.seed)
    model = SGNet(
        ResNetFPN(18, 32, "group"),
        DetectionHead(32, 3, tower_depth=1),
        MaskHead(32, hidden_channels=32),
        TrackingHead(32),
    ).eval()
    decoder = DetectionDecoder(score_threshold=0.0, top_k=100, max_detections=cfg.instances)
    classes = tuple(Category(number, str(number)) for number in (1, 2, 3))
    size = (cfg.height // 2, cfg.width // 2)  # of the network's input; masks are the frames'
    loaded = LoadedCheckpoint(model, decoder, MovementTracker(), classes, size)
    return VideoPredictor.from_loaded(loaded)


def resident_mb() -> float:
    """Memory of this process in MB, garbage left out."""
    gc.collect()
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status has no VmRSS")


def soak(cfg: DictConfig) -> dict[str, Any]:
    """Streams the video; returns the readings.

    Raises:
        ValueError: the first reading is not before the last.
    """
    if not 1 <= cfg.first_reading < cfg.frames:
        raise ValueError(
            f"first_reading must be from 1 to frames - 1 = {cfg.frames - 1}, got "
            f"{cfg.first_reading}; growth is between it and the last frame"
        )
    predictor = small_predictor(cfg)
    readings, last_id, masks = {}, 0, 0
    started = time.perf_counter()
    results = predictor.stream(frames(cfg))
    for count, result in enumerate(track(results, "soaking", cfg.frames, transient=True), start=1):
        last_id = max([last_id, *result.track_ids])
        masks += len(result.masks)
        if count in (cfg.first_reading, cfg.frames):
            readings[count] = resident_mb()
    first, last = readings[cfg.first_reading], readings[cfg.frames]
    return {
        "frames": cfg.frames,
        f"rss_mb_at_{cfg.first_reading}": first,
        "rss_mb_at_end": last,
        "growth_mb": last - first,
        "identities": last_id,
        "masks": masks,
        "live_tracks_at_end": predictor.tracker.num_live,
        "frames_per_second": cfg.frames / (time.perf_counter() - started),
    }


def run(cfg: DictConfig) -> None:
    """Measures, prints and writes."""
    if cfg.output is not None:
        require_writable_file(cfg.output)
    figures = soak(cfg)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    if cfg.output is not None:
        write_json(figures, cfg.output)


if __name__ == "__main__":
    start("soak", run, conf=Path(__file__).parents[1] / "conf")
