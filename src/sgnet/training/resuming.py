"""What a run goes on from, and whether its settings are those of its checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sgnet.checkpoints.loading import (
    CHECKPOINT_KEY,
    StoredCheckpoint,
    description_of,
    read_tensors,
    stored_offset,
    stored_step,
)
from sgnet.checkpoints.writing import newest_checkpoint
from sgnet.models.sgnet import LOCATION_OFFSET
from sgnet.reports.differences import Difference, config_differences
from sgnet.reports.runs import read_config

log = logging.getLogger(__name__)
RESUME_LAST, RESUME_AUTO = "last", "auto"
SETTINGS_KEY = "settings"  # in a checkpoint's description: the run's whole config
# where a run lies and who looks on: no figure depends on it
PLACES = (
    "callbacks.*.dirpath",
    "callbacks.*.folder",
    "callbacks.*.path",
    "callbacks.broken_frames",
    "callbacks.ema.validate_both",
    "callbacks.interruption",
    "callbacks.learning_rate",
    "callbacks.pictures",
    "callbacks.progress",
    "callbacks.throughput",
    "data.generator_workers",
    "data.num_workers",
    "data.readers.*.source",
    "data.readers.*.videos",
    "data.root",
    "data.sources.*.root",
    "logger",
    "model.detection_head.num_classes",  # of the annotations
    "model.location_offset",  # of the weights
    "paper",
    "paths",
    "resume",
    "trainer.default_root_dir",
)
# how long a run is
LENGTH = ("trainer.max_epochs", "trainer.max_steps")
# how a run is computed: the parts of one may differ in it
MEANS = (
    "callbacks",
    "channels_last",
    "data.frames_per_chunk",
    "plugins",
    "trainer.accelerator",
    "trainer.accumulate_grad_batches",
    "trainer.benchmark",
    "trainer.check_val_every_n_epoch",
    "trainer.detect_anomaly",
    "trainer.deterministic",
    "trainer.devices",
    "trainer.enable_*",
    "trainer.log_every_n_steps",
    "trainer.max_time",
    "trainer.num_nodes",
    "trainer.num_sanity_val_steps",
    "trainer.precision",
    "trainer.profiler",
    "trainer.strategy",
    "trainer.val_check_interval",
)
KEPT = ("callbacks.ema",)  # among them: it makes the weights


@dataclass(frozen=True)
class Resumption:
    """What a run goes on from.

    Attributes:
        path: of the checkpoint.
        step: optimiser steps that it has.
        epochs: that are complete in it.
        weights: shape of each tensor of the network, by its name.
        loader: state of the loader of clip pairs; {} where the checkpoint holds none.
        categories: names by class index.
        location_offset: that the weights were trained with.
        changed: settings that are others from here on, with the value before and the one now.
    """

    path: Path
    step: int
    epochs: int
    weights: Mapping[str, tuple[int, ...]]
    loader: Mapping[str, Any]
    categories: Sequence[str]
    location_offset: float
    changed: Sequence[Difference] = field(default=())


def resumption(cfg: DictConfig, run_dir: Path) -> Resumption | None:
    """What `resume` names, checked before any work starts and anything is written.

    Args:
        cfg: conf/train.yaml composed.
        run_dir: folder of the run.

    Returns:
        None for a run that starts anew.

    Raises:
        ValueError: no such checkpoint, no checkpoint of training, or one of a run with other
            settings than those that may change (`PLACES`, `LENGTH`, `MEANS`).
    """
    path = _named_checkpoint(cfg.resume, run_dir)
    if path is None:
        return None
    content = read_tensors(path)
    state = _state(path, content)
    changed = _changed_settings(cfg, path, content)
    _require_room_to_go_on(cfg, path, (state["epochs"], state["step"]))
    wanted = OmegaConf.select(cfg, "model.location_offset")
    if wanted is not None and wanted != state["location_offset"]:
        raise ValueError(
            f"resume: {path} was trained with model.location_offset={state['location_offset']:g}, "
            f"got {wanted:g}; leave it null"
        )
    for difference in changed:
        log.info("resume: %s; taken from here on", difference)
    return Resumption(changed=changed, path=path, **state)


def require_same_settings(cfg: DictConfig, run_dir: Path) -> bool:
    """Refuses to take a finished run for one with other settings.

    Returns:
        Whether it has all that is asked for; False where it shall be longer.

    Raises:
        ValueError: the settings differ.
    """
    stored = run_dir / "config.yaml"
    if not stored.is_file():
        return True
    found = _outside(PLACES, config_differences(OmegaConf.create(read_config(stored)), cfg))
    if not all(_is_longer(difference) for difference in found):
        raise ValueError(
            f"{run_dir} holds a finished run with other settings ({_listed(found)}); choose "
            "another folder or remove it"
        )
    return not found


def require_categories(resumed: Resumption, categories: Sequence[str]) -> None:
    """Refuses a data set with other categories than a checkpoint's.

    Args:
        resumed: from.
        categories: of the data set, by class index.

    Raises:
        ValueError: they are others, or in another order.
    """
    if list(resumed.categories) != list(categories):
        raise ValueError(
            f"resume: {resumed.path} must have the data set's categories, expected "
            f"{list(categories)}, got {list(resumed.categories)}; model.weights={resumed.path} "
            "starts anew from its weights"
        )


def require_fitting(
    resumed: Resumption, shapes: Mapping[str, tuple[int, ...]], step: Sequence[int]
) -> None:
    """Refuses what the checkpoint cannot be loaded into, before anything is written.

    Args:
        resumed: from.
        shapes: of the network's tensors, by name.
        step: pairs of a batch, processes and accumulated batches, see `ResumableLoader`.

    Raises:
        ValueError: another network, or an epoch that is begun with other batches.
    """
    names = sorted(shapes.keys() | resumed.weights.keys())
    other = [name for name in names if shapes.get(name) != resumed.weights.get(name)]
    if other:
        expected, got = (_shape(tensors, other[0]) for tensors in (shapes, resumed.weights))
        raise ValueError(
            f"resume: {resumed.path} must hold the network's {len(shapes)} tensors, {len(other)} "
            f"do not fit, first {other[0]!r}: expected {expected}, got {got}"
        )
    begun = resumed.loader.get("batches") and tuple(resumed.loader["step"]) != tuple(step)
    if begun:
        raise ValueError(
            f"resume: {resumed.path} lies within an epoch, which goes on with its pairs of a "
            f"batch, processes and accumulated batches, expected {resumed.loader['step']}, got "
            f"{list(step)}; take a checkpoint from the end of an epoch"
        )


def _named_checkpoint(resume: str | None, run_dir: Path) -> Path | None:
    if resume is None:
        return None
    folder = run_dir / "checkpoints"
    if resume == RESUME_AUTO:
        newest = newest_checkpoint(folder)
        log.info("resume=auto: %s", newest or "no checkpoint yet, from the start")
        return newest
    path = folder / "last.ckpt" if resume == RESUME_LAST else Path(resume)
    if not path.is_file():
        raise ValueError(f"resume: checkpoint {path} not found")
    if not {CHECKPOINT_KEY, "state_dict", "global_step"} <= set(read_tensors(path)):
        raise ValueError(f"resume: {path} must be a checkpoint of train.py, got another file")
    return path


def _state(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """The rest of a `Resumption`; every entry of the description and every number is checked."""
    stored = StoredCheckpoint.of(content, str(path))
    step = stored_step(content, str(path))
    offset = stored_offset(description_of(content, str(path)))
    try:
        loop = content["loops"]["fit_loop"]
        epochs, loader = loop["epoch_progress"]["current"]["processed"], _loader_state(loop)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(
            f"resume: {path} must say how far its run was (loops.fit_loop), got an unknown form"
        ) from error
    return {
        "step": step,
        "epochs": epochs,
        "weights": {name: tuple(tensor.shape) for name, tensor in stored.weights.items()},
        "loader": loader,
        "categories": [category.name for category in stored.categories],
        "location_offset": LOCATION_OFFSET if offset is None else offset,
    }


def _loader_state(loop: Mapping[str, Any]) -> dict[str, Any]:
    states = loop.get("state_dict", {}).get("combined_loader", [])
    return dict(states[0]) if states and {"batches", "step"} <= set(states[0]) else {}


def _changed_settings(
    cfg: DictConfig, path: Path, content: Mapping[str, Any]
) -> tuple[Difference, ...]:
    """What differs from the checkpoint's settings and may, told apart from what may not."""
    stored = _stored_settings(path, content)
    if stored is None:
        log.warning("resume: %s does not say its settings; those given are taken for them", path)
        return ()
    found = tuple(_outside(PLACES, config_differences(stored, cfg)))
    kept = [d for d in found if d not in _outside(KEPT, found)]
    refused = [*_outside((*LENGTH, *MEANS), found), *kept]
    if refused:
        raise ValueError(
            f"resume: {path} was trained with other settings ({_listed(refused)}); give those, or "
            f"start another run from its weights (model.weights={path} in another hydra.run.dir)"
        )
    return found


def _require_room_to_go_on(cfg: DictConfig, path: Path, done: tuple[int, int]) -> None:
    """Refuses a length below what the checkpoint has."""
    for name, count in zip(LENGTH, done, strict=True):
        limit = OmegaConf.select(cfg, name)
        if limit is not None and 0 <= limit < count:
            raise ValueError(
                f"resume: {path} has {count} {name.rpartition('_')[2]} already; expected {name} "
                f"of at least as many, got {limit}"
            )


def _stored_settings(path: Path, content: Mapping[str, Any]) -> Any:  # noqa: ANN401 - OmegaConf's
    """The whole config that a checkpoint was trained with; None where nothing tells it."""
    settings = content[CHECKPOINT_KEY].get(SETTINGS_KEY)
    if settings is not None:
        return OmegaConf.create(settings)
    beside = path.parent.parent / "config.yaml"  # of checkpoints that hold none yet
    return OmegaConf.create(read_config(beside)) if beside.is_file() else None


def _outside(names: Iterable[str], found: Iterable[Difference]) -> list[Difference]:
    """Differences of other settings than those named or below them."""
    patterns = [form for name in names for form in (name, f"{name}.*")]
    return [d for d in found if not any(fnmatchcase(d.name, pattern) for pattern in patterns)]


def _is_longer(difference: Difference) -> bool:
    """Whether it only makes a run longer."""
    before, now = difference.first, difference.second
    if difference.name not in LENGTH or not isinstance(before, int) or not isinstance(now, int):
        return False
    return now > before >= 0


def _listed(found: Iterable[Difference]) -> str:
    return "; ".join(str(difference) for difference in found)


def _shape(tensors: Mapping[str, tuple[int, ...]], name: str) -> str:
    return str(list(tensors[name])) if name in tensors else "none"
