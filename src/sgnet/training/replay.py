"""A dumped training step, run again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sgnet.checkpoints.components import TARGET, build_component, component_name
from sgnet.checkpoints.description import call
from sgnet.checkpoints.loading import read_tensors, without_pretraining
from sgnet.losses import LossCounts, LossTerms, SGNetCriterion
from sgnet.losses.assignment import LocationAssigner
from sgnet.models import SGNet
from sgnet.ops.shrink import shrink_pairs
from sgnet.structures import ClipPairBatch, LocationGrid, Targets
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


def replayed_parts(
    config: Mapping[str, Any], file: Path
) -> tuple[SGNet, SGNetCriterion, StepSettings]:
    """Network, criterion and settings of a run, by its config.

    The config is a file that may be anybody's: it may name the parts of a checkpoint, the criterion
    and its assigner, and nothing else is ever called.

    Args:
        config: of the run, plain values.
        file: that it was read from, for messages.

    Raises:
        ValueError: another name, an entry that is missing, or one that a part cannot take.
    """
    try:
        names = [field.name for field in fields(StepSettings)]
        return (
            build_component(without_pretraining(config["model"]), f"{file}: model", ("SGNet",)),
            _criterion(config["criterion"], f"{file}: criterion"),
            StepSettings(**{name: config[name] for name in names}),
        )
    except KeyError as error:
        raise ValueError(f"{file}: config must have an entry {error}, got none") from error
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{file}: config cannot be used: {error}") from error


def _criterion(config: Mapping[str, Any], where: str) -> SGNetCriterion:
    component_name(config, where, (SGNetCriterion.__name__,))
    settings = {name: value for name, value in config.items() if name != TARGET}
    if "assigner" in settings:
        inner, part = f"{where}.assigner", settings["assigner"]
        component_name(part, inner, (LocationAssigner.__name__,))
        own = {name: value for name, value in part.items() if name != TARGET}
        settings["assigner"] = call(LocationAssigner, own, inner)
    return call(SGNetCriterion, settings, where)


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
    try:
        weights = {k.removeprefix("model."): v for k, v in content["state_dict"].items()}
        model.load_state_dict({k: v for k, v in weights.items() if k in model.state_dict()})
        report = {name: content[name] for name in ("step", "epoch", "rank")}
        counts = _counts(content.get("counts"))
        batches = [_batch(stored) for stored in content["batches"]]
        numbers = [
            stored["batch_idx"] * content["world_size"] + content["rank"]
            for stored in content["batches"]
        ]
    except KeyError as error:
        raise ValueError(f"{dump}: expected an entry {error}, got none") from error
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{dump}: not a dump of a step of this run: {error}") from error
    model.to(device).train()
    report["batches"] = []
    for number, on_cpu in zip(numbers, batches, strict=True):
        batch = on_cpu.to(device)
        if content["step"] < settings.small_steps:
            batch = shrink_pairs(batch, settings.small_factor)
        draws = (settings.seed, content["epoch"], number, 0)
        of_step = None if counts is None else partial(_same, counts.to(device))
        losses = partial(pair_losses, model, criterion, batch, settings.both_ways, draws, of_step)
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


def _counts(stored: dict[str, float] | None) -> LossCounts | None:
    """Denominators of a dump; one without is of a batch that was a whole step."""
    if stored is None:
        return None
    names = (entry.name for entry in fields(LossCounts))
    return LossCounts(**{name: torch.tensor(float(stored[name])) for name in names})


def _same(counts: LossCounts, grid: LocationGrid, own: LossCounts) -> LossCounts:  # noqa: ARG001
    return counts


def _batch(stored: dict[str, Any]) -> ClipPairBatch:
    values = {name: value for name, value in stored.items() if name != "batch_idx"}
    for name in ("key_targets", "reference_targets"):
        values[name] = Targets(**values[name])
    return ClipPairBatch(**values)
