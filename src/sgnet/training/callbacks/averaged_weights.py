"""Averaged weights beside the trained ones, from the first step at full size on."""

from __future__ import annotations

import logging
import math
from typing import Any, Literal, get_args

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sgnet.checkpoints.loading import CHECKPOINT_KEY, OTHER_STATE, STATE, WEIGHTS, Weights
from sgnet.structures import ClipPairBatch, VideoChunk
from sgnet.training.lightning_module import SGNetModule
from sgnet.training.validation import VideoValidation

log = logging.getLogger(__name__)
AVERAGING = "averaging_state"  # in a checkpoint: how many updates the average has
INNER = "module."  # of the network's tensors in an average


class AveragedWeights(WeightAveraging):
    """An exponential moving average of the weights over the steps at full size.

    Its first update takes over the weights behind the first step at full size. Nothing of smaller
    steps enters it: batch norm's running statistics begin anew with the first batch at full size,
    also those of the trained weights, and then they are averaged as the weights are. What does not
    change, such as the constants of a frozen norm, stays as it is to the bit.

    Until then there are only the trained, raw weights. From then on validations score both, and
    checkpoints hold both. A run whose small steps never end has no average.

    Args:
        memory: time constant of the average, as a share of the run's optimiser steps at full size;
            a step's share in the average falls to 1/e in that time.
        decay: share that the average keeps at an update, in place of `memory`, however long the
            run is; the start stays where it is.
        update_every_n_steps: optimiser steps from update to update.
        weights: which ones `val/AP` is of, and a checkpoint loads where nothing else is asked for.
        validate_both: score the other ones as well; each validation then takes twice as long.

    Raises:
        ValueError: a number out of its bounds, or unknown weights.
    """

    def __init__(
        self,
        memory: float = 0.1,
        decay: float | None = None,
        update_every_n_steps: int = 1,
        weights: Literal["averaged", "raw"] = "averaged",
        validate_both: bool = True,
    ) -> None:
        if not memory > 0:
            raise ValueError(f"memory must be a positive share of the steps, got {memory}")
        if decay is not None and not 0 <= decay < 1:
            raise ValueError(f"decay must be at least 0 and below 1, or null, got {decay}")
        if update_every_n_steps < 1:
            raise ValueError(f"update_every_n_steps must be at least 1, got {update_every_n_steps}")
        if weights not in get_args(Weights):
            raise ValueError(f"weights must be one of {get_args(Weights)}, got {weights!r}")
        super().__init__(multi_avg_fn=self._update)
        self.memory = memory
        self.decay = decay
        self.update_every_n_steps = update_every_n_steps
        self.weights: Weights = weights
        self.validate_both = validate_both
        self._kept = math.nan  # of the average at an update
        self._first_step = 0
        self._momenta: dict[_BatchNorm, float | None] = {}
        self._other: VideoValidation | None = None

    @property
    def other(self) -> Weights:
        """Those that a checkpoint loads when it is asked to."""
        return "raw" if self.weights == "averaged" else "averaged"

    @property
    def has_begun(self) -> bool:
        """Whether there is an average."""
        return self._average_model is not None and int(self._average_model.n_averaged) > 0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Makes room for the average on the device that trains.

        Raises:
            ValueError: a checkpoint would leave the average out.
        """
        for callback in trainer.checkpoint_callbacks:
            if getattr(callback, "save_weights_only", False):
                raise ValueError(
                    f"save_weights_only must be false beside averaged weights, got true for "
                    f"{getattr(callback, 'filename', None) or 'a checkpoint'}: Lightning then asks "
                    f"no callback, and the file holds the raw weights alone. Without an average: "
                    f"callbacks=default"
                )
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)
        if self._average_model is not None:
            self._average_model.eval()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Learns how long the run is."""
        module = _checked(pl_module)
        self._first_step = module.small_steps
        steps = max(0, module.total_steps - module.small_steps)
        followed = decay_of(self.memory * steps, self.update_every_n_steps)
        self._kept = followed if self.decay is None else self.decay
        if steps:
            log.info(
                "weights are averaged from step %d of %d on; an update keeps %.4f of the average",
                *(module.small_steps + 1, module.total_steps, self._kept),
            )

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Whether the average takes up the weights behind a step, counted from 0."""
        if step_idx is None or step_idx < self._first_step:
            return False
        return (step_idx - self._first_step) % self.update_every_n_steps == 0

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: ClipPairBatch,
        batch_idx: int,
    ) -> None:
        """Lets running statistics of another size go with the first batch at full size."""
        is_first = batch_idx % trainer.accumulate_grad_batches == 0
        if self._first_step and trainer.global_step == self._first_step and is_first:
            self._momenta = begin_statistics(pl_module)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's
        batch: ClipPairBatch,
        batch_idx: int,
    ) -> None:
        """Updates the average."""
        for norm, momentum in self._momenta.items():
            norm.momentum = momentum
        self._momenta = {}
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leaves the trained weights in place: a checkpoint behind the end holds both, too."""

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Puts the weights that are chosen into the network."""
        module = _checked(pl_module)
        module.val_weights = "raw"
        self._other = None
        if not self.has_begun or self._average_model is None:
            return
        module.val_weights = self.weights
        if self.weights == "averaged":
            self._swap_models(pl_module)
        if self.validate_both:
            # its copy of the module holds the other ones now
            self._other = VideoValidation(
                _checked(self._average_model.module).predictor, module.data
            )

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's
        batch: VideoChunk,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Tracks the same frames with the other weights."""
        if self._other is not None:
            with trainer.precision_plugin.val_step_context():
                self._other.add(batch)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Puts the trained weights back, scores the other ones."""
        if self.has_begun and self.weights == "averaged":
            self._swap_models(pl_module)
        if self._other is not None and not trainer.sanity_checking:
            _checked(pl_module).log_stats(self.other, self._other.scored().metrics)
        self._other = None

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Stores the weights that are chosen where a checkpoint is loaded from, and the others."""
        if not self.has_begun or self._average_model is None:
            checkpoint[CHECKPOINT_KEY] = {WEIGHTS: "raw"}
            return
        average = self._average_model.state_dict()
        averaged = {k[len(INNER) :]: v for k, v in average.items() if k.startswith(INNER)}
        states: dict[Weights, Any] = {"raw": checkpoint[STATE], "averaged": averaged}
        checkpoint[CHECKPOINT_KEY] = {WEIGHTS: self.weights}
        checkpoint[STATE] = states[self.weights]
        checkpoint[OTHER_STATE[self.other]] = states[self.other]
        checkpoint[AVERAGING] = {k: v for k, v in average.items() if not k.startswith(INNER)}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Goes on with both; Lightning has put those that are chosen into the network."""
        if self._average_model is None or AVERAGING not in checkpoint:
            return  # saved before the average began
        chosen = checkpoint[CHECKPOINT_KEY].get(WEIGHTS, "averaged")
        other: Weights = "raw" if chosen == "averaged" else "averaged"
        states = {chosen: checkpoint[STATE], other: checkpoint[OTHER_STATE[other]]}
        averaged = {INNER + name: value for name, value in states["averaged"].items()}
        self._average_model.load_state_dict(averaged | checkpoint[AVERAGING])
        pl_module.load_state_dict(states["raw"])

    @torch.no_grad()
    def _update(self, averages: list[Tensor], values: list[Tensor], count: Tensor) -> None:  # noqa: ARG002
        """Moves tensors of one kind towards their values; what is equal stays equal to the bit."""
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, values, 1 - self._kept)
            return
        for average, value in zip(averages, values, strict=True):
            average.copy_(value)  # a count of batches has no average


def decay_of(memory: float, steps: int = 1) -> float:
    """Share that an exponential average keeps over some steps, of a time constant in steps."""
    return math.exp(-steps / memory) if memory > 0 else 0.0


def begin_statistics(network: nn.Module) -> dict[_BatchNorm, float | None]:
    """Makes the next batch the first one of all running statistics that are being trained.

    Args:
        network: its batch norms keep nothing of what they have seen once that batch has passed.

    Returns:
        Their momenta, to be given back behind that batch.
    """
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.training]
    momenta = {norm: norm.momentum for norm in norms if norm.running_mean is not None}
    for norm in momenta:
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.zero_()  # None for a momentum is a mean over them
        if norm.momentum is not None:
            norm.momentum = 1.0
    return momenta


def _checked(module: object) -> SGNetModule:
    if not isinstance(module, SGNetModule):
        raise ValueError(f"expected an SGNetModule, got {type(module).__name__}")
    return module
