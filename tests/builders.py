"""Small networks and targets that several tests use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from sgnet.checkpoints.loading import (
    CHECKPOINT_FORMAT,
    CHECKPOINT_KEY,
    build_component,
    without_pretraining,
)
from sgnet.losses import SGNetCriterion
from sgnet.losses.assignment import LocationAssigner
from sgnet.models import DetectionHead, MaskHead, ResNetFPN, SGNet, TrackingHead
from sgnet.structures import Detections, Targets
from sgnet.tracking import MovementTracker


def tiny_model(num_classes: int = 3, tracking_input: str = "pair", **mask_settings: Any) -> SGNet:
    settings: dict[str, Any] = {"grid": 3, "cell_size": 20.0, "hidden_channels": 16}
    return SGNet(
        ResNetFPN(18, 16, "group", detail=bool(mask_settings.get("detail_channels"))),
        DetectionHead(16, num_classes, tower_depth=1),
        MaskHead(16, **{**settings, **mask_settings}),
        TrackingHead(16, tracking_input),
    )


def liven(model: SGNet) -> SGNet:
    """Spreads movements over pixels and scores over tenths, in place."""
    with torch.no_grad():
        model.tracking_head.movement.weight.normal_(0, 1)
        model.detection_head.class_logits.weight.normal_(0, 1)
    return model


def make_targets(frames: list[list[tuple[float, float, float, float]]], size=(64, 96)) -> Targets:
    """Rectangular objects of class 0, 1, 2, ... that moved by (3, -2) pixels."""
    most = max((len(boxes) for boxes in frames), default=0)
    shape = (len(frames), most)
    targets = Targets(
        boxes_xyxy=torch.zeros(*shape, 4),
        labels=torch.zeros(shape, dtype=torch.int64),
        track_ids=torch.zeros(shape, dtype=torch.int64),
        valid=torch.zeros(shape, dtype=torch.bool),
        movements=torch.zeros(*shape, 2),
        in_both=torch.zeros(shape, dtype=torch.bool),
        masks=torch.zeros((sum(map(len, frames)), *size), dtype=torch.uint8),
    )
    row = 0
    for b, boxes in enumerate(frames):
        for n, box in enumerate(boxes):
            targets.boxes_xyxy[b, n] = torch.tensor(box)
            targets.labels[b, n] = n % 3
            targets.track_ids[b, n] = n + 1
            targets.valid[b, n] = targets.in_both[b, n] = True
            targets.movements[b, n] = torch.tensor([3.0, -2.0])
            x1, y1, x2, y2 = (int(v) for v in box)
            targets.masks[row, y1:y2, x1:x2] = 1
            row += 1
    return targets


def make_detections(
    boxes: list[tuple[float, float, float, float]],
    movements: list[tuple[float, float]] | None = None,
    labels: list[int] | None = None,
    locations: list[tuple[float, float]] | None = None,
    scores: list[float] | None = None,
) -> Detections:
    count = len(boxes)
    boxes_xyxy = torch.tensor(boxes, dtype=torch.float32).reshape(count, 4)
    centers = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
    return Detections(
        boxes_xyxy=boxes_xyxy,
        scores=torch.linspace(0.9, 0.5, count) if scores is None else torch.tensor(scores),
        labels=torch.tensor(labels or [0] * count, dtype=torch.int64),
        locations=centers if locations is None else torch.tensor(locations, dtype=torch.float32),
        movements=torch.tensor(movements or [(0.0, 0.0)] * count).reshape(count, 2),
        location_indices=torch.zeros(count, dtype=torch.int64),
    )


def tiny_criterion(**settings: Any) -> SGNetCriterion:
    return SGNetCriterion(LocationAssigner(ranges=(16.0, 32.0, 64.0, 128.0)), **settings)


TINY_RUN = (
    "experiment=demo",
    "model.backbone.channels=16",
    "model.detection_head.tower_depth=1",
    "model.mask_head.hidden_channels=16",
    "data.train_videos=3",
    "data.num_val_videos=2",
    "data.generator_workers=0",
    "+data.spec.min_frames=3",
    "+data.spec.max_frames=4",
    "data.spec.width=96",
    "data.spec.height=64",
    "data.transform.size=[64,96]",
    "data.batch_size=2",
    "data.samples_per_epoch=4",
    "small_steps=1",
    "data.num_workers=0",
    "trainer.max_epochs=2",
    "trainer.log_every_n_steps=1",
    "~callbacks.progress",
    "inference.decoder.score_threshold=0.01",
)


def tiny_run(folder: Path, *overrides: str) -> list[str]:
    """Overrides for a training run of seconds whose files all lie in a folder."""
    return [
        *TINY_RUN,
        f"paths.data_dir={folder}/data",
        f"paths.run_dir={folder}/run",
        "+trainer.enable_progress_bar=false",
        "+trainer.enable_model_summary=false",
        *overrides,
    ]


class StopAfterEpoch(pl.Callback):
    """Ends training after its first epoch, as if it had been interrupted there."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.should_stop = True


def save_tiny_checkpoint(path: Path, score_threshold: float = 0.0, lively: bool = False) -> Path:
    """A checkpoint as training writes it, of an untrained network for 96x64 and three classes."""
    torch.manual_seed(0)
    parts = {
        "backbone": {"_target_": "sgnet.models.ResNetFPN", "depth": 18, "channels": 16},
        "detection_head": {"_target_": "sgnet.models.DetectionHead", "channels": 16},
        "mask_head": {"_target_": "sgnet.models.MaskHead", "channels": 16, "grid": 3},
        "tracking_head": {"_target_": "sgnet.models.TrackingHead", "channels": 16},
    }
    parts["backbone"] |= {"norm": "group", "weights": None}  # as older checkpoints say
    parts["detection_head"] |= {"num_classes": 3, "tower_depth": 1}
    parts["mask_head"] |= {"cell_size": 20.0, "hidden_channels": 16}
    decoder = {"_target_": "sgnet.postprocess.DetectionDecoder", "max_detections": 6}
    description = {
        "format": CHECKPOINT_FORMAT,
        "model": {"_target_": "sgnet.models.SGNet", **parts},
        "decoder": {**decoder, "score_threshold": score_threshold},
        "tracker": {"_target_": "sgnet.tracking.MovementTracker", **MovementTracker().settings},
        "categories": [{"id": i, "name": name} for i, name in enumerate("abc", start=1)],
        "input_size": [64, 96],
    }
    model = build_component(without_pretraining(description["model"]))
    if lively:
        liven(model)
    weights = {f"model.{name}": value for name, value in model.state_dict().items()}
    torch.save({CHECKPOINT_KEY: description, "state_dict": weights}, path)
    return path
