"""The LightningModule: network, summed loss, optimiser and video validation wired together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from sgnet.checkpoints.loading import CHECKPOINT_FORMAT, CHECKPOINT_KEY, Weights
from sgnet.data.loading.datamodule import YouTubeVISDataModule
from sgnet.evaluation.average_precision import VideoMetrics
from sgnet.inference.chunk_predictor import ChunkPredictor
from sgnet.losses import LossTerms, SGNetCriterion, StepCounts
from sgnet.models import SGNet
from sgnet.ops.shrink import shrink_pairs
from sgnet.postprocess import DetectionDecoder
from sgnet.structures import ClipPairBatch, ResultTrack, Video, VideoChunk
from sgnet.tracking import MovementTracker
from sgnet.training.found_again import files_found_again
from sgnet.training.optimizer_step import OptimizerStep, batches_left
from sgnet.training.validation import LOGGED_STATS, VideoValidation


def stepping_batches(trainer: pl.Trainer, batches: int) -> int:
    """Optimiser steps of a whole run.

    Args:
        trainer: its limits count.
        batches: of an epoch in this process.

    Raises:
        ValueError: the run has no end.
    """
    limit = trainer.limit_train_batches
    batches = int(batches * limit) if isinstance(limit, float) else min(batches, limit)
    steps = -(-batches // trainer.accumulate_grad_batches)
    ends = [trainer.max_steps] if trainer.max_steps >= 0 else []
    if trainer.max_epochs is not None and trainer.max_epochs >= 0:
        ends.append(steps * trainer.max_epochs)
    if not ends:
        raise ValueError("trainer.max_epochs or trainer.max_steps must end the run, got neither")
    return min(ends)


def pair_losses(
    model: SGNet,
    criterion: SGNetCriterion,
    batch: ClipPairBatch,
    both_ways: bool,
    draws: Sequence[int],
    of_step: StepCounts | None = None,
) -> LossTerms:
    """The terms of Eq. 6 for a batch of clip pairs.

    Args:
        model: in training mode.
        criterion: Eq. 6.
        batch: on the model's device.
        both_ways: see `SGNet.forward_pairs`.
        draws: seed of the random draws inside the loss.
        of_step: gives the denominators, see `SGNetCriterion`.
    """
    outputs = model.forward_pairs(batch.key_images, batch.reference_images, both_ways)
    outputs = outputs.to(torch.float32)  # losses lose too much in half precision
    targets = batch.targets.of_key_frames(both_ways)
    device = batch.key_images.device
    seed = np.random.SeedSequence(list(draws)).generate_state(1)[0]
    devices = [device] if device.type == "cuda" else []
    with torch.autocast(device.type, enabled=False), torch.random.fork_rng(devices):
        torch.manual_seed(int(seed))
        return criterion(outputs, targets, model.mask_head.instance_masks, of_step)


class SGNetModule(pl.LightningModule):
    """Trains on clip pairs and validates on whole videos.

    Args:
        model: the network.
        criterion: Eq. 6.
        decoder: dense outputs to detections.
        tracker: for validation.
        optimizer: takes parameter groups.
        schedule: takes the optimiser and the number of steps.
        no_decay_on_norms: leave norm weights and biases out of weight decay.
        both_ways: each frame of a pair is the key frame in turn, see `SGNet.forward_pairs`.
        description: plain values stored with every checkpoint so that it loads alone.
        small_steps: the first so many optimiser steps train at `1 / small_factor` of the size.
        small_factor: see `small_steps`.
        seed: of the random draws inside the loss, together with step and process; a resumed run
            draws the same.

    Attributes:
        step: the optimiser step that is being made.
        total_steps: optimiser steps of the run, once its optimiser is there.
        val_weights: which ones `val/AP` is of where there are several kinds, as a callback says.
        val_metrics: of the last validation.
        val_videos: that it ran to their end.
        val_tracks: that it found in them.
    """

    def __init__(
        self,
        model: SGNet,
        criterion: SGNetCriterion,
        decoder: DetectionDecoder,
        tracker: MovementTracker,
        optimizer: Callable[[Iterable[dict[str, Any]]], Optimizer],
        schedule: Callable[..., LRScheduler],
        description: Mapping[str, Any],
        no_decay_on_norms: bool = False,
        both_ways: bool = False,
        small_steps: int = 0,
        small_factor: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.model = model
        self.criterion = criterion
        self.predictor = ChunkPredictor(model, decoder, tracker)
        self.both_ways = both_ways
        self.small_steps = small_steps
        self.small_factor = small_factor
        self.seed = seed
        self.step: OptimizerStep | None = None
        self.total_steps = 0
        self.val_weights: Weights | None = None
        self.val_metrics: VideoMetrics | None = None
        self.val_videos: list[Video] = []
        self.val_tracks: list[ResultTrack] = []
        self._optimizer = optimizer
        self._schedule = schedule
        self._no_decay_on_norms = no_decay_on_norms
        self._description = dict(description)

    def on_train_start(self) -> None:
        """Begins with a step of its own, also behind a checkpoint."""
        self.step = None

    def training_step(self, batch: ClipPairBatch, batch_idx: int) -> Tensor:
        """Summed loss of a batch of clip pairs (SG-Net Eq. 6).

        It is divided by the counts of the whole optimiser step, whose gradient is that of one large
        batch however it is shared out over processes and accumulated batches.
        """
        accumulated = self.trainer.accumulate_grad_batches
        left = batches_left(self.trainer, batch_idx)
        if self.step is None or batch_idx % accumulated == 0:
            self.step = OptimizerStep(left, self.trainer.world_size)
        if self.global_step < self.small_steps:
            batch = shrink_pairs(batch, self.small_factor)
        terms = self._pair_losses(batch, batch_idx, self.step)
        self.step.add(terms)
        if left == 1:
            self._log_losses(self.step.mean(), len(batch.names))
        # Lightning divides by `accumulated`, also where the last step of an epoch has fewer batches
        return terms.total * (accumulated / self.step.batches)

    def _pair_losses(self, batch: ClipPairBatch, batch_idx: int, step: OptimizerStep) -> LossTerms:
        # what N processes draw together is what one draws in N batches
        number = batch_idx * self.trainer.world_size + self.global_rank
        draws = (self.seed, self.current_epoch, number, 0)
        following = [(t.of_key_frames(self.both_ways), t.turned) for t in batch.following]
        of_step = partial(step.denominators, self.criterion, following)
        return pair_losses(self.model, self.criterion, batch, self.both_ways, draws, of_step)

    def _log_losses(self, values: Mapping[str, Any], pairs: int) -> None:
        named = {f"train/{name}": value for name, value in values.items()}
        positives = named.pop("train/positives")
        self.log_dict(named, prog_bar=True, batch_size=pairs)
        self.log("train/positives", positives, batch_size=pairs)

    def on_validation_epoch_start(self) -> None:
        """Forgets the last validation."""
        self._validation = VideoValidation(self.predictor, self.data)

    def validation_step(self, chunk: VideoChunk, batch_idx: int) -> None:
        """Tracks the next frames of the current video."""
        self._validation.add(chunk)

    def on_validation_epoch_end(self) -> None:
        """Scores the videos that ran to their end with the official metric."""
        if self.trainer.sanity_checking:
            return
        found = self._validation.scored()
        metrics = found.metrics
        self.val_metrics, self.val_videos, self.val_tracks = metrics, found.videos, found.tracks
        for name in LOGGED_STATS:
            self.log(f"val/{name}", metrics.stats[name], prog_bar=name in ("AP", "AP50"))
        if self.val_weights is not None:
            self.log_stats(self.val_weights, metrics)
        self.log("val/ms_per_frame", found.ms_per_frame)
        for category in self.data.val_annotations.categories:
            self.log(f"val/AP_{category.name}", metrics.per_category[category.id]["AP"])

    def log_stats(self, weights: Weights, metrics: VideoMetrics) -> None:
        """Logs what one kind of weights gave, as `val_raw/AP` or `val_averaged/AP` and so on."""
        self.log_dict({f"val_{weights}/{name}": metrics.stats[name] for name in LOGGED_STATS})

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's own type is a union of ten
        """Optimiser and a schedule that steps with it."""
        optimizer = self._optimizer(self._parameter_groups())
        # Lightning's own estimate would make the loader before a checkpoint's progress is restored
        self.total_steps = stepping_batches(self.trainer, len(self.data.train_dataloader()))
        schedule = self._schedule(optimizer, total_steps=self.total_steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _parameter_groups(self) -> list[dict[str, Any]]:
        trained = [p for p in self.model.parameters() if p.requires_grad]
        if not self._no_decay_on_norms:
            return [{"params": trained}]
        norms_and_biases = [p for p in trained if p.ndim < 2]
        matrices = [p for p in trained if p.ndim >= 2]
        return [{"params": matrices}, {"params": norms_and_biases, "weight_decay": 0.0}]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Stores what is needed to load the checkpoint alone."""
        of_callbacks = checkpoint.get(CHECKPOINT_KEY, {})  # whose hooks come before
        checkpoint[CHECKPOINT_KEY] = {
            "format": CHECKPOINT_FORMAT,
            **self._description,
            **of_callbacks,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Finds the run's files where they lie now, see `files_found_again`."""
        if self._trainer is not None and self._trainer.ckpt_path:
            files_found_again(self._trainer, checkpoint)

    @property
    def data(self) -> YouTubeVISDataModule:
        """What it trains and validates on."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, YouTubeVISDataModule):
            raise ValueError(f"training needs a YouTubeVISDataModule, got {type(data).__name__}")
        return data
