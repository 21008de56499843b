"""A dumped training step, run again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sgnet.checkpoints.loading import read_tensors
from sgnet.losses import LossTerms, SGNetCriterion
from sgnet.models import SGNet
from sgnet.ops.shrink import shrink_pairs
from sgnet.structures import ClipPairBatch, Targets
from sgnet.training.lightning_module import pair_losses


@dataclass(frozen=True)
class StepSettings:
    """What a run's config says of a training step.

    Attributes:
        both_ways: see `SGNet.forward_pairs`.
        small_steps: see `SGNetModule`.
        small_factor: see `SGNetModule`.
        seed: of the run.
    """

    both_ways: bool
    small_steps: int
    small_factor: int
    seed: int


def replay(
    dump: Path,
    model: SGNet,
    criterion: SGNetCriterion,
    settings: StepSettings,
    device: str = "cpu",
    half: bool = False,
) -> dict[str, Any]:
    """Forward and backward pass of a step that `NonFiniteGuard` dumped.

    Args:
        dump: its file.
        model: of the run's config; it gets the dump's weights.
        criterion: of the run's config.
        settings: of the run's config.
        device: where it runs.
        half: in bfloat16.

    Returns:
        Plain values: for each batch of the step its frames, their seeds, the loss terms (as text
        where not finite), the layers whose outputs were first not finite, and the parameters
        whose gradients were not.

    Raises:
        ValueError: no such file, or none of a dump.
    """
    content = read_tensors(dump)
    if "batches" not in content:
        raise ValueError(f"{dump}: expected an entry 'batches'; not written by NonFiniteGuard")
    weights = {k.removeprefix("model."): v for k, v in content["state_dict"].items()}
    model.load_state_dict({k: v for k, v in weights.items() if k in model.state_dict()})
    model.to(device).train()
    report = {name: content[name] for name in ("step", "epoch", "rank")}
    report["batches"] = []
    for stored in content["batches"]:
        batch = _batch(stored).to(device)
        if content["step"] < settings.small_steps:
            batch = shrink_pairs(batch, settings.small_factor)
        number = stored["batch_idx"] * content["world_size"] + content["rank"]
        draws = (settings.seed, content["epoch"], number, 0)
        losses = partial(pair_losses, model, criterion, batch, settings.both_ways, draws)
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=half):
            findings = _findings(model, losses)
        names = {"frames": list(batch.names), "seeds": list(batch.seeds)}
        report["batches"].append(names | findings)
    return report


def _findings(model: SGNet, losses: Callable[[], LossTerms]) -> dict[str, Any]:
    layers: list[str] = []
    hooks = [
        module.register_forward_hook(partial(_note, layers, name))
        for name, module in model.named_modules()
        if not list(module.children())
    ]
    model.zero_grad(set_to_none=True)
    terms = losses()
    terms.total.backward()  # type: ignore[no-untyped-call]
    for hook in hooks:
        hook.remove()
    values = {name: float(value) for name, value in terms.named().items()}
    return {
        "losses": {k: v if math.isfinite(v) else str(v) for k, v in values.items()},
        "layers": layers[:3],
        "gradients": [
            name
            for name, parameter in model.named_parameters()
            if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all())
        ],
    }


def _note(layers: list[str], name: str, module: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ANN401, ARG001
    if isinstance(output, Tensor) and not bool(torch.isfinite(output).all()):
        layers.append(name)


def _batch(stored: dict[str, Any]) -> ClipPairBatch:
    values = {name: value for name, value in stored.items() if name != "batch_idx"}
    for name in ("key_targets", "reference_targets"):
        values[name] = Targets(**values[name])
    return ClipPairBatch(**values)
