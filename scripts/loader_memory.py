"""Memory of the loader's worker processes over one epoch on a large annotation file.

python scripts/loader_memory.py output=loader_memory.json

Writes an annotation file of 3,000 videos (every frame the same JPEG), streams one epoch of clip
pairs from it and reads each worker's private memory from /proc as it goes; Linux only.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from omegaconf import DictConfig
from rich.progress import track
from torch.utils.data import DataLoader

from sgnet.commands.start import start
from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.data.clips.clip_pairs import ClipPairDataset, SeededSampler
from sgnet.data.clips.collate import collate_clip_pairs
from sgnet.data.clips.transforms import ClipPairTransform
from sgnet.files.atomic_file import require_writable_file, write_json
from sgnet.files.segmentation_json import segmentation_to_json
from sgnet.ops.rle import encode

HEIGHT, WIDTH = 64, 96
READINGS = 10


def write_annotations(folder: Path, videos: int, frames: int, tracks: int) -> Path:
    """Writes a YouTube-VIS file and the one frame that all its videos show."""
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    (folder / "images").mkdir()
    cv2.imwrite(str(folder / "images/frame.jpg"), image)
    pool = []
    for _ in range(200):
        mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        x, y, radius = generator.integers(20, 44, 3).tolist()
        cv2.circle(mask, (x, y), radius // 2, 1, -1)
        pool.append(segmentation_to_json(encode(mask)))
    choice = generator.integers(0, len(pool), (videos, tracks, frames))
    content = {
        "categories": [{"id": 1, "name": "disc"}],
        "videos": [
            {
                "id": v + 1,
                "width": WIDTH,
                "height": HEIGHT,
                "length": frames,
                "file_names": ["frame.jpg"] * frames,
            }
            for v in range(videos)
        ],
        "annotations": [
            {
                "id": v * tracks + k + 1,
                "video_id": v + 1,
                "category_id": 1,
                "iscrowd": 0,
                "segmentations": [pool[i] for i in choice[v, k]],
            }
            for v in range(videos)
            for k in range(tracks)
        ],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(content))
    return path


def private_megabytes(pid: int) -> float:
    """Memory of a process that it shares with no other, in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("Private_")]
    return sum(kilobytes) / 1024


def measure(cfg: DictConfig) -> dict[str, object]:
    """Streams the epoch; returns private memory per worker at even steps of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_annotations(folder, cfg.videos, cfg.frames, cfg.tracks)
        annotations = load_annotations(path)
        transform = ClipPairTransform((HEIGHT, WIDTH))
        dataset = ClipPairDataset(annotations, folder / "images", transform)
        loader = DataLoader(
            dataset,
            batch_size=cfg.batch_size,
            sampler=SeededSampler(len(dataset), seed=0),
            num_workers=cfg.workers,
            collate_fn=collate_clip_pairs,
        )
        batches = iter(loader)
        pids = [worker.pid for worker in batches._workers]  # type: ignore[attr-defined]
        every = max(1, len(loader) // READINGS)
        readings = []
        for number, _ in enumerate(track(batches, total=len(loader), description="epoch"), 1):
            if number % every == 0:
                readings.append([round(private_megabytes(pid), 1) for pid in pids])
    after_warm_up, at_end = max(readings[0]), max(readings[-1])
    return {
        "videos": cfg.videos,
        "clip_pairs": len(dataset),
        "private_mb_of_each_worker": readings,
        "private_mb_at_10_percent": after_warm_up,
        "private_mb_at_end": at_end,
        "growth_mb": round(at_end - after_warm_up, 1),
    }


def run(cfg: DictConfig) -> None:
    """Measures, prints and writes."""
    if cfg.output is not None:
        require_writable_file(cfg.output)
    report = measure(cfg)
    sys.stdout.write(json.dumps(report) + "\n")
    if cfg.output is not None:
        write_json(report, cfg.output)


if __name__ == "__main__":
    start("loader_memory", run, conf=Path(__file__).parents[1] / "conf")
