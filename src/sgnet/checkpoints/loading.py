"""Checkpoints that load alone and with weights only."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

from torch import Tensor

from sgnet.checkpoints.components import TARGET, build_component, component_name, sketch
from sgnet.checkpoints.description import (
    CHECKPOINT_KEY,
    as_description,
    call,
    categories_of,
    input_size_of,
    settings_of,
)
from sgnet.checkpoints.tensor_files import read_tensors, require_shapes, require_sound_tensors
from sgnet.files.checked_json import JsonEntry
from sgnet.files.checked_values import require_number, shown
from sgnet.models import SGNet
from sgnet.ops.input_size import length_scale
from sgnet.postprocess import DetectionDecoder
from sgnet.records import Category
from sgnet.tracking import MovementTracker
from sgnet.tracking.movement_tracker import BEFORE_COSTS

__all__ = [
    "CHECKPOINT_FORMAT",
    "CHECKPOINT_KEY",
    "OTHER_STATE",
    "STATE",
    "STEP",
    "WEIGHTS",
    "LoadedCheckpoint",
    "StoredCheckpoint",
    "Weights",
    "build_component",
    "description_of",
    "load_checkpoint",
    "read_checkpoint",
    "read_tensors",
    "stored_offset",
    "stored_step",
    "without_pretraining",
]

CHECKPOINT_FORMAT = 1
STATE, STEP = "state_dict", "global_step"
PREFIX = "model."  # of the network's tensors in a training state
Weights = Literal["averaged", "raw"]
WEIGHTS = "weights"  # in the description: which ones STATE holds, and load where none are named
# where those lie that STATE does not hold, where there are both; the first is Lightning's name
OTHER_STATE: dict[Weights, str] = {"raw": "current_model_state", "averaged": "average_model_state"}


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

    def at_input_size(self, size: tuple[int, int]) -> Self:
        """The same system for frames of another size; nothing of it is trained there.

        Sub-regions of Eq. 1 keep their share of the frame: their side scales as that of the paper's
        input does.

        Args:
            size: (height, width) in pixels.
        """
        if size == self.input_size:
            return self
        model = deepcopy(self.model)
        scale = length_scale(size) / length_scale(self.input_size)
        model.mask_head.blender.cell_size *= scale
        return replace(self, model=model, input_size=size)


@dataclass(frozen=True)
class StoredCheckpoint:
    """A checkpoint as it was read: every entry is checked, and the network not yet built.

    Attributes:
        file: its path, for messages.
        model: the network's config, without the weights that it started from.
        decoder: settings of `DetectionDecoder`.
        tracker: settings of `MovementTracker`.
        categories: by class index.
        input_size: (height, width) the network was trained at.
        weights: of the network, by its names; finite, and exactly as large as the config says.
    """

    file: str
    model: dict[str, Any]
    decoder: dict[str, Any]
    tracker: dict[str, Any]
    categories: tuple[Category, ...]
    input_size: tuple[int, int]
    weights: dict[str, Tensor]

    @classmethod
    def of(
        cls, content: Mapping[str, Any], file: str, weights: Weights | None = None
    ) -> StoredCheckpoint:
        """Checks what a file holds; nothing of the described size is built.

        Args:
            content: of `read_tensors`.
            file: its path, for messages.
            weights: which ones; None are those that the run chose.

        Raises:
            ValueError: an entry is missing or wrong, or there are no such weights; it is named.
        """
        entry = description_of(content, file)
        model = without_pretraining(settings_of(entry, "model"))
        where = f"{file}: {entry.name}"
        network = sketch(model, f"{where}.model")
        decoder = _settings(entry, "decoder", DetectionDecoder)
        tracker = BEFORE_COSTS | _settings(entry, "tracker", MovementTracker)
        categories = categories_of(entry, network.detection_head.num_classes)
        size = input_size_of(entry)
        name = _state_name(content, entry, weights)
        state = require_sound_tensors(file, name, content.get(name))
        tensors = {k[len(PREFIX) :]: v for k, v in state.items() if k.startswith(PREFIX)}
        require_shapes(file, f"{name}.{PREFIX[:-1]}", tensors, network.state_dict())
        return cls(file, model, decoder, tracker, categories, size, tensors)

    def loaded(
        self,
        decoder: Mapping[str, Any] | None = None,
        tracker: Mapping[str, Any] | None = None,
    ) -> LoadedCheckpoint:
        """Builds the system.

        Args:
            decoder: settings of the decoder that replace the stored ones.
            tracker: settings of the tracker that replace the stored ones.

        Raises:
            ValueError: one of these settings is wrong.
        """
        model: SGNet = build_component(self.model, f"{self.file}: {CHECKPOINT_KEY}.model")
        model.load_state_dict(self.weights)
        return LoadedCheckpoint(
            model=model.eval(),
            decoder=call(DetectionDecoder, _replaced(self.decoder, decoder), "decoder"),
            tracker=call(MovementTracker, _replaced(self.tracker, tracker), "tracker"),
            categories=self.categories,
            input_size=self.input_size,
        )


def read_checkpoint(path: str | Path, weights: Weights | None = None) -> StoredCheckpoint:
    """Reads a training checkpoint and checks all of it.

    Only tensors and plain values are read from the file; no pickled object is ever run.

    Args:
        path: written by training.
        weights: `averaged` or `raw`; None are those that the run chose (`callbacks.ema.weights`),
            the averaged ones by default where there are both.

    Raises:
        ValueError: missing file, not one of our checkpoints, a newer format, no such weights, or an
            entry that is missing or wrong.
    """
    return StoredCheckpoint.of(read_tensors(Path(path)), str(path), weights)


def load_checkpoint(
    path: str | Path,
    decoder: Mapping[str, Any] | None = None,
    tracker: Mapping[str, Any] | None = None,
    weights: Weights | None = None,
) -> LoadedCheckpoint:
    """Loads a training checkpoint: architecture, weights, categories and input size.

    Args:
        path: written by training.
        decoder: settings of the decoder that replace the stored ones.
        tracker: settings of the tracker that replace the stored ones.
        weights: see `read_checkpoint`.

    Raises:
        ValueError: see `read_checkpoint`; or one of these settings is wrong.
    """
    return read_checkpoint(path, weights).loaded(decoder, tracker)


def description_of(content: Mapping[str, Any], file: str) -> JsonEntry:
    """What a checkpoint says about itself, of a format that we know.

    Raises:
        ValueError: there is none, or it is of another format.
    """
    if CHECKPOINT_KEY not in content:
        raise ValueError(f"{file}: expected an entry {CHECKPOINT_KEY!r}; not written by train.py")
    entry = as_description(file, content[CHECKPOINT_KEY])
    if entry.integer("format") != CHECKPOINT_FORMAT:
        raise entry.wrong("format", f"{CHECKPOINT_FORMAT} (another version of sgnet wrote it)")
    return entry


def stored_offset(entry: JsonEntry) -> float | None:
    """The location offset of a checkpoint's network; None where it does not say.

    Raises:
        ValueError: it is no number from 0 to 1.
    """
    offset = settings_of(entry, "model").get("location_offset")
    if offset is None:
        return None
    require_number(f"{entry.file}: {entry.name}.model.location_offset", offset, 0, 1)
    return float(offset)


def stored_step(content: Mapping[str, Any], file: str) -> int:
    """The optimiser steps that a training checkpoint has behind it.

    Args:
        content: of `read_tensors`.
        file: its path, for messages.

    Raises:
        ValueError: there is no such number.
    """
    return JsonEntry(file, "", dict(content)).integer(STEP)


def without_pretraining(model_config: Mapping[str, Any]) -> dict[str, Any]:
    """The model's config without the weights that it started from; a checkpoint brings its own."""
    plain = {key: value for key, value in model_config.items() if key != "weights"}
    if isinstance(plain.get("backbone"), Mapping):
        plain["backbone"] = {k: v for k, v in plain["backbone"].items() if k != "weights"}
    return plain


def _state_name(content: Mapping[str, Any], entry: JsonEntry, wanted: Weights | None) -> str:
    """The entry that holds the weights that are wanted.

    Raises:
        ValueError: there are none of that kind, or no such kind.
    """
    kinds = get_args(Weights)
    # files of before that entry hold both kinds only where they were averaged
    chosen = entry.fields.get(WEIGHTS, "averaged" if OTHER_STATE["raw"] in content else "raw")
    if chosen not in kinds:
        raise entry.wrong(WEIGHTS, f"one of {kinds}")
    if wanted is None or wanted == chosen:
        return STATE
    if wanted not in kinds:
        raise ValueError(f"weights must be one of {kinds} or null, got {shown(wanted)}")
    if OTHER_STATE[wanted] not in content:
        raise ValueError(
            f"{entry.file}: expected {wanted} weights, got {chosen} ones alone; averaged ones are "
            "kept by callbacks=ema from the first step at full size on"
        )
    return OTHER_STATE[wanted]


def _replaced(stored: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: v for name, v in {**stored, **(given or {})}.items() if name != TARGET}


def _settings(entry: JsonEntry, name: str, kind: type) -> dict[str, Any]:
    """The settings of a component that has no others inside, tried."""
    settings = settings_of(entry, name)
    where = f"{entry.file}: {entry.name}.{name}"
    component_name(settings, where, (kind.__name__,))
    del settings[TARGET]
    call(kind, settings, where)
    return settings
