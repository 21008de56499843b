"""Optimiser steps of a real trainer on eight clip pairs, recorded."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import pytorch_lightning as pl
import torch
from builders import tiny_criterion, tiny_model
from data_sets import HEIGHT, WIDTH, box_mask, picture
from torch import Tensor

from sgnet.data.annotations.annotation_writer import save_annotations, visible_track
from sgnet.data.clips.transforms import ClipPairTransform
from sgnet.data.loading.datamodule import YouTubeVISDataModule
from sgnet.postprocess import DetectionDecoder
from sgnet.records import Category, Video
from sgnet.tracking import MovementTracker
from sgnet.training.lightning_module import SGNetModule
from sgnet.training.schedules import warmup_cosine

LARGE, SMALL = box_mask(8, 6, 60, 44), box_mask(70, 8)
# what both frames of each video show; every video is one clip pair
PAIRS = (
    [(LARGE, box_mask(14, 8, 60, 44)), (SMALL, box_mask(66, 10))],
    [],
    [],
    [(None, LARGE)],
    [(box_mask(40, 30, 30, 30), None)],
    [(SMALL, SMALL), (box_mask(5, 40), box_mask(9, 44)), (None, box_mask(40, 20, 28, 40))],
    [(box_mask(2, 2, 40, 60), None), (None, box_mask(50, 2, 40, 60))],
    [],
)


def write_pairs(root: Path) -> Path:
    """A data set of eight videos of two frames; gives its folder."""
    videos, tracks = [], []
    for number, objects in enumerate(PAIRS, 1):
        names = tuple(f"v{number}/{frame:05d}.jpg" for frame in range(2))
        (root / "train/JPEGImages" / names[0]).parent.mkdir(parents=True)
        for frame, name in enumerate(names):
            cv2.imwrite(str(root / "train/JPEGImages" / name), picture(number, frame))
        videos.append(Video(number, WIDTH, HEIGHT, 2, names))
        for category, masks in enumerate(objects, 1):
            tracks.append(visible_track(len(tracks) + 1, number, category, list(masks)))
    categories = tuple(Category(i, name) for i, name in enumerate("abc", 1))
    save_annotations(root / "train.json", categories, videos, tracks)
    return root


class Recorder(pl.Callback):
    """Keeps gradients and logged losses of each optimiser step, and the pairs of each batch."""

    def __init__(self) -> None:
        self.gradients: list[dict[str, Tensor]] = []
        self.losses: list[dict[str, float]] = []
        self.pairs: list[tuple[str, ...]] = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        self.pairs.append(batch.names)

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        named = pl_module.named_parameters()
        self.gradients.append({name: p.grad.detach().clone() for name, p in named})

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if len(self.losses) < len(self.gradients):
            logged = trainer.callback_metrics.items()
            self.losses.append({k: float(v) for k, v in logged if k.startswith("train/")})


def sgd_module(lr: float = 0.0, weight_decay: float = 0.0, **settings) -> SGNetModule:
    """A module whose losses depend on no draw; it does not move unless told to."""
    torch.manual_seed(0)
    return SGNetModule(
        model=tiny_model(),
        criterion=tiny_criterion(mask_box_jitter=0.0, max_mask_positives=10_000),
        decoder=DetectionDecoder(),
        tracker=MovementTracker(),
        optimizer=partial(torch.optim.SGD, lr=lr, momentum=0.9, weight_decay=weight_decay),
        schedule=warmup_cosine,
        description={},
        **settings,
    )


def data_of(root: Path, batch_size: int, num_workers: int = 0) -> YouTubeVISDataModule:
    transform = ClipPairTransform((HEIGHT, WIDTH))
    return YouTubeVISDataModule(
        root, "train", None, transform, batch_size, num_workers=num_workers, seed=1
    )


def run(
    root: Path,
    batch_size: int,
    accumulated: int = 1,
    trained: SGNetModule | None = None,
    callbacks: tuple[pl.Callback, ...] = (),
    resume: Path | None = None,
    num_workers: int = 0,
    **settings,
) -> Recorder:
    """An epoch, or what `settings` of the trainer say, on one process of a processor."""
    recorder = Recorder()
    trainer = pl.Trainer(
        **{"accelerator": "cpu", "devices": 1, "max_epochs": 1, "log_every_n_steps": 1, **settings},
        accumulate_grad_batches=accumulated,
        callbacks=[*callbacks, recorder],
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    data = data_of(root, batch_size, num_workers)
    trainer.fit(trained or sgd_module(), datamodule=data, ckpt_path=resume, weights_only=True)
    return recorder
