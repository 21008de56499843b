"""Clip pairs a second by stage, beside the straightforward version of the same work.

    python scripts/loader_throughput.py output=loader_throughput.json

Stages and versions take turns in one process with one thread, so ratios hold on a busy machine. The
straightforward version decodes with Pillow, decodes every mask of the video with pycocotools and
gives full frames with all their masks to albumentations. Both make the same batches.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import albumentations as A
import cv2
import hydra
import numpy as np
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig
from PIL import Image
from pycocotools import mask as coco_mask
from rich.progress import Progress
from torch.utils.data import DataLoader

from sgnet.benchmark.timing import time_in_turn
from sgnet.data.clip_pairs import ClipPair, ClipPairDataset, SeededSampler, visible_sample
from sgnet.data.collate import collate_clip_pairs
from sgnet.data.datamodule import YouTubeVISDataModule
from sgnet.data.frames import decoded
from sgnet.data.raw_pairs import RawFrame, RawPair
from sgnet.data.youtube_vis import YouTubeVIS
from sgnet.manifest import hardware
from sgnet.ops.atomic_file import write_json
from sgnet.ops.rle import decode, to_coco
from sgnet.training import exit_on_error

UInt8Array = NDArray[np.uint8]
WHOLE, STRAIGHT = "whole", "straightforward"


class Work:
    """The same clip pairs stage by stage, whole, and the straightforward way.

    Args:
        annotations: of the training videos.
        images: folder of their frames.
        data: gives transform and limits.
        pairs: number of clip pairs.
        seed: of their choice and their transforms.
    """

    def __init__(
        self,
        annotations: YouTubeVIS,
        images: Path,
        data: YouTubeVISDataModule,
        pairs: int,
        seed: int,
    ) -> None:
        self._annotations, self._images, self._min_area = annotations, images, data.min_area
        self.dataset = ClipPairDataset(
            annotations, images, data.transform, data.max_gap, data.min_area
        )
        self._items = list(SeededSampler(len(self.dataset), seed, num_samples=pairs))
        self._raw = [self.dataset.read(i, np.random.default_rng(s)) for i, s in self._items]
        self._samples = [self._transformed(n) for n in range(pairs)]
        self._places = {
            name: (v, t)
            for v, video in enumerate(annotations.videos)
            for t, name in enumerate(video.file_names)
        }
        self._frames = [place for pair in self._raw for place in self._key_and_reference(pair)]
        self._paths = [self._path(video, frame) for video, frame in self._frames]
        self._contents = [path.read_bytes() for path in self._paths]
        self._pipeline = A.Compose(
            [A.Resize(*data.transform.size), *data.transform.steps],
            additional_targets={"reference": "image"},
        )

    def versions(self) -> dict[str, Callable[[], object]]:
        """What is timed, by name."""
        count = range(len(self._items))
        return {
            "read": lambda: [path.read_bytes() for path in self._paths],
            "JPEG decode": lambda: [decoded(content) for content in self._contents],
            "mask decode": self._masks,
            "transform": lambda: [self._transformed(n) for n in count],
            "collate": lambda: collate_clip_pairs(self._samples),
            WHOLE: lambda: collate_clip_pairs([self.dataset[item] for item in self._items]),
            STRAIGHT: lambda: collate_clip_pairs([self._straight(n) for n in count]),
        }

    def _transformed(self, number: int) -> ClipPair:
        return self.dataset.transformed(self._raw[number], self._items[number][1])

    def _key_and_reference(self, pair: RawPair) -> tuple[tuple[int, int], tuple[int, int]]:
        """Video and frame of both; the frame right before the key frame is as good as another."""
        video, key = self._places[pair.name]
        return (video, key), (video, max(0, key - 1))

    def _path(self, video: int, frame: int) -> Path:
        return self._images / self._annotations.videos[video].file_names[frame]

    def _masks(self) -> list[UInt8Array]:
        return [
            decode(item.rle)
            for video, frame in self._frames
            for item in self._annotations.frame_objects(video, frame)
        ]

    def _straight(self, number: int) -> ClipPair:
        """Pillow, every mask of the video, full frames and their masks through albumentations."""
        pair, seed = self._raw[number], self._items[number][1]
        places = self._key_and_reference(pair)
        video = self._annotations.videos[places[0][0]]
        tracks = [self._annotations.track(i) for i in self._annotations.tracks_of_video(video.id)]
        masks = [
            {t: coco_mask.decode(to_coco(m)) for t, m in enumerate(track.segmentations) if m}
            for track in tracks
        ]
        images = [np.array(Image.open(self._path(*place)).convert("RGB")) for place in places]
        shown = [[i for i in range(len(tracks)) if t in masks[i]] for _, t in places]
        stacked = [masks[i][t] for row, (_, t) in zip(shown, places, strict=True) for i in row]
        self._pipeline.set_random_seed(seed)
        named = {"masks": np.stack(stacked)} if stacked else {}
        result = self._pipeline(image=images[0], reference=images[1], **named)
        moved = iter(result.get("masks", []))
        key, reference = (
            visible_sample(
                RawFrame(
                    result[name],
                    (0,) * len(row),
                    tuple(tracks[i].id for i in row),
                    tuple(next(moved) for _ in row),
                ),
                self._min_area,
            )
            for name, row in zip(("image", "reference"), shown, strict=True)
        )
        return ClipPair(key, reference, pair.name, seed)


def loader_rate(work: Work, data: YouTubeVISDataModule, workers: int, seed: int) -> float:
    """Clip pairs a second of a loader with several processes, behind its first batches."""
    sampler = SeededSampler(len(work.dataset), seed, num_samples=40 * data.batch_size)
    loader = DataLoader(
        work.dataset,
        sampler=sampler,
        batch_size=data.batch_size,
        num_workers=workers,
        collate_fn=collate_clip_pairs,
    )
    count, started = 0, 0.0
    for number, batch in enumerate(loader):
        if number == 2 * workers:
            started = time.perf_counter()
        elif number > 2 * workers:
            count += len(batch.names)
    return count / (time.perf_counter() - started)


def run(cfg: DictConfig) -> None:
    """Prints the table and writes the figures."""
    cv2.setNumThreads(1)
    data: YouTubeVISDataModule = instantiate(cfg.data, _convert_="all")
    data.prepare_split(data.train_split)
    annotations, _, images = data.read_splits[data.train_split]
    work = Work(annotations, images, data, cfg.pairs, cfg.seed)
    versions = work.versions()
    with Progress() as progress:
        task = progress.add_task("rounds", total=cfg.rounds + 1)
        timings = time_in_turn(
            versions, cfg.rounds, warmup=1, after_round=lambda: progress.advance(task)
        )
    figures = {name: timing.figures() for name, timing in timings.items()}
    per_pair = {name: figure["median"] / cfg.pairs for name, figure in figures.items()}
    for name, milliseconds in per_pair.items():
        sys.stdout.write(f"{name:16} {milliseconds:8.2f} ms a pair {1000 / milliseconds:8.1f} /s\n")
    ratio = per_pair[STRAIGHT] / per_pair[WHOLE]
    sys.stdout.write(f"{ratio:.2f} times the rate of the straightforward version\n")
    rate = loader_rate(work, data, cfg.workers, cfg.seed) if cfg.workers else None
    if rate is not None:
        sys.stdout.write(
            f"{rate:.1f} pairs/s with {cfg.workers} processes, {os.cpu_count()} cores\n"
        )
    if cfg.output is not None:
        content = {
            "input_size": list(data.input_size),
            "ms_per_pair": per_pair,
            "ratio": ratio,
            "pairs": cfg.pairs,
            "rounds": cfg.rounds,
            "loader_pairs_per_s": rate,
            "loader_processes": cfg.workers,
            "hardware": hardware(),
        }
        write_json(content, cfg.output)


@hydra.main(version_base="1.3", config_path="../conf", config_name="loader_throughput")
def main(cfg: DictConfig) -> None:
    """Reads the command line."""
    exit_on_error(lambda: run(cfg))


if __name__ == "__main__":
    main()
