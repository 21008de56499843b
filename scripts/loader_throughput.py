"""Clip pairs a second by stage, beside the straightforward version of the same work.

python scripts/loader_throughput.py output=loader_throughput.json

Stages and versions take turns in one process with one thread, so ratios hold on a busy machine. The
straightforward version decodes with Pillow, decodes every mask of the video with pycocotools and
gives full frames with their masks to albumentations; a kinder one decodes only the masks of the two
frames, the kindest resizes before albumentations as well. All read the same frames.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import albumentations as A
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.progress import Progress
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ stands beside scripts/
from benchmarks.loading import (
    KINDER,
    OWN_MASKS,
    STRAIGHT,
    WHOLE,
    LoadedSet,
    StraightforwardPairs,
    stages,
)
from benchmarks.timing import time_in_turn
from sgnet.commands.start import start
from sgnet.data.clips.clip_pairs import SeededSampler
from sgnet.data.clips.collate import collate_clip_pairs
from sgnet.data.loading.datamodule import YouTubeVISDataModule
from sgnet.data.loading.loader_processes import keep_to_one_core, prepare_process
from sgnet.files.atomic_file import require_writable_file, write_json
from sgnet.structures import ClipPairBatch
from sgnet.training.manifest import hardware


def loader_rate(data: LoadedSet, batch_size: int, workers: int, batches: int, seed: int) -> float:
    """Clip pairs a second that a loader with processes delivers, once all of them are at work."""
    dataset, unmeasured = data.pairs(), 2 * workers
    number = (batches + unmeasured) * batch_size
    loader = DataLoader(
        dataset,
        sampler=SeededSampler(
            len(dataset),
            seed,
            num_samples=number,
            batch_size=batch_size,
            is_turned=dataset.is_turned if len(dataset.orientations) > 1 else None,
        ),
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=collate_clip_pairs,
        worker_init_fn=prepare_process,
    )
    delivered = iter(loader)
    for _ in range(unmeasured):
        next(delivered)
    started = time.perf_counter()
    count = sum(len(batch.names) for batch in delivered)
    return count / (time.perf_counter() - started)


def batch(pairs: StraightforwardPairs, items: Sequence[tuple[int, int]]) -> ClipPairBatch:
    """The items, collated."""
    return collate_clip_pairs([pairs[item] for item in items])


def run(cfg: DictConfig) -> None:
    """Prints the table and writes the figures.

    Raises:
        ValueError: the data set is mixed or changes its pairs; the straightforward versions do not.
    """
    if cfg.output is not None:
        require_writable_file(cfg.output)
    keep_to_one_core()
    torch.set_num_threads(1)
    module: YouTubeVISDataModule = instantiate(cfg.data, _convert_="all")
    if module.sources or module.motion or module.copy_paste:
        raise ValueError(
            "data must be one set of videos as they are, got sources, motion or copy_paste; "
            "data=base data.root=FOLDER reads the same videos without"
        )
    module.prepare_data()
    annotations, _, images = module.read_splits[module.train_split]
    transform = module.transform
    data = LoadedSet(annotations, images, transform, module.max_gap, module.min_area)
    items = list(SeededSampler(len(data.pairs()), cfg.seed, num_samples=cfg.pairs))
    steps = instantiate(cfg.straightforward, _convert_="all")
    resized = [A.Resize(*transform.size), *transform.steps]
    straightforward = {
        STRAIGHT: StraightforwardPairs(data, steps, every_mask=True),
        OWN_MASKS: StraightforwardPairs(data, steps, every_mask=False),
        KINDER: StraightforwardPairs(data, resized, every_mask=False),
    }
    work = stages(data, items)
    for name, pairs in straightforward.items():
        work[name] = partial(batch, pairs, items)
    with Progress() as progress:
        task = progress.add_task("rounds", total=cfg.rounds + 1)
        timings = time_in_turn(
            work, cfg.rounds, warmup=1, after_round=lambda: progress.advance(task)
        )
    per_pair = {name: timing.median / cfg.pairs for name, timing in timings.items()}
    for name, milliseconds in per_pair.items():
        sys.stdout.write(f"{name:30} {milliseconds:8.2f} ms a pair {1000 / milliseconds:9.1f} /s\n")
    ratios = {name: per_pair[name] / per_pair[WHOLE] for name in straightforward}
    for name, ratio in ratios.items():
        sys.stdout.write(f"{ratio:.2f} times the rate of {name}\n")
    rate = None
    if cfg.workers:
        rate = loader_rate(data, module.batch_size, cfg.workers, cfg.batches, cfg.seed)
        sys.stdout.write(f"{rate:.1f} pairs/s of {cfg.workers} processes, {os.cpu_count()} cores\n")
    if cfg.output is not None:
        content = {
            "input_size": list(transform.size),
            "ms_per_pair": per_pair,
            "ratios": ratios,
            "pairs": cfg.pairs,
            "rounds": cfg.rounds,
            "loader_pairs_per_s": rate,
            "loader_processes": cfg.workers,
            "hardware": hardware(),
        }
        write_json(content, cfg.output)


if __name__ == "__main__":
    start("loader_throughput", run, conf=Path(__file__).parents[1] / "conf")
