"""Checkpoints that load alone and with weights only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sgnet.models import DetectionHead, MaskHead, ResNetFPN, SGNet, TimmFPN, TrackingHead
from sgnet.postprocess import DetectionDecoder
from sgnet.records import Category
from sgnet.tracking import MovementTracker

CHECKPOINT_KEY = "sgnet"
CHECKPOINT_FORMAT = 1
# all that a checkpoint may name; it can never run anything else
COMPONENTS: dict[str, Callable[..., Any]] = {
    part.__name__: part
    for part in (
        SGNet,
        ResNetFPN,
        TimmFPN,
        DetectionHead,
        MaskHead,
        TrackingHead,
        DetectionDecoder,
        MovementTracker,
    )
}


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A trained system, ready to run.

    Attributes:
        model: in evaluation mode, on the CPU.
        decoder: dense outputs to detections.
        tracker: fresh.
        categories: by class index.
        input_size: (height, width) the network was trained at.
    """

    model: SGNet
    decoder: DetectionDecoder
    tracker: MovementTracker
    categories: tuple[Category, ...]
    input_size: tuple[int, int]


def build_component(
    config: Mapping[str, Any], components: Mapping[str, Callable[..., Any]] = COMPONENTS
) -> Any:  # noqa: ANN401 - any of the components
    """Builds a component from a nested mapping with `_target_` names, without Hydra.

    Args:
        config: as in conf/model; mappings without `_target_` are plain settings.
        components: all that may be named, by its name.

    Raises:
        ValueError: a name that is not allowed.
    """
    target = str(config.get("_target_"))
    package, _, name = target.rpartition(".")
    if name not in components or package.split(".")[0] != "sgnet":
        raise ValueError(
            f"checkpoint component must be one of {sorted(components)} of sgnet, got {target!r}"
        )
    arguments = {
        key: build_component(value, components)
        if isinstance(value, Mapping) and "_target_" in value
        else value
        for key, value in config.items()
        if key != "_target_"
    }
    return components[name](**arguments)


def load_checkpoint(
    path: str | Path,
    decoder: Mapping[str, Any] | None = None,
    tracker: Mapping[str, Any] | None = None,
) -> LoadedCheckpoint:
    """Loads a training checkpoint: architecture, weights, categories and input size.

    Only tensors and plain values are read from the file; no pickled object is ever run.

    Args:
        path: written by training.
        decoder: settings of the decoder that replace the stored ones.
        tracker: settings of the tracker that replace the stored ones.

    Raises:
        ValueError: missing file, not one of our checkpoints, or a newer format.
    """
    content = read_tensors(Path(path))
    if CHECKPOINT_KEY not in content:
        raise ValueError(f"{path}: expected an entry {CHECKPOINT_KEY!r}; not written by train.py")
    description = content[CHECKPOINT_KEY]
    try:
        if description["format"] != CHECKPOINT_FORMAT:
            raise ValueError(f"format must be {CHECKPOINT_FORMAT}, got {description['format']}")
        model: SGNet = build_component(without_pretraining(description["model"]))
        prefix = "model."
        weights = content["state_dict"].items()
        model.load_state_dict({k[len(prefix) :]: v for k, v in weights if k.startswith(prefix)})
        height, width = description["input_size"]
        return LoadedCheckpoint(
            model=model.eval(),
            decoder=build_component({**description["decoder"], **(decoder or {})}),
            tracker=build_component({**description["tracker"], **(tracker or {})}),
            categories=tuple(Category(c["id"], c["name"]) for c in description["categories"]),
            input_size=(height, width),
        )
    except KeyError as error:
        raise ValueError(f"{path}: checkpoint must have an entry {error}, got none") from error
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: checkpoint cannot be used: {error}") from error


def read_tensors(path: Path) -> dict[str, Any]:
    """A file of tensors and plain values; nothing else in it is ever unpickled.

    Args:
        path: written by torch.save.

    Raises:
        ValueError: missing file, or anything else in it.
    """
    if not path.is_file():
        raise ValueError(f"{path}: checkpoint not found; expected a file written by train.py")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path}: not a readable checkpoint; expected tensors and plain values only"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a mapping of names, got {type(content).__name__}")
    return content


def without_pretraining(model_config: Mapping[str, Any]) -> dict[str, Any]:
    """The model's config without the weights that it started from; a checkpoint brings its own."""
    backbone = {k: v for k, v in model_config["backbone"].items() if k != "weights"}
    return {**{k: v for k, v in model_config.items() if k != "weights"}, "backbone": backbone}
