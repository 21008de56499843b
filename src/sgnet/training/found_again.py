"""Checkpoints that a checkpoint names by path, found where the run's folder lies now."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from sgnet.files.atomic_file import atomic_path

log = logging.getLogger(__name__)


def files_found_again(trainer: pl.Trainer, checkpoint: dict[str, Any]) -> None:
    """Rewrites what `ModelCheckpoint` wrote down, for a folder that was moved, copied or mounted.

    Lightning keeps absolute paths and forgets the best score where a folder has another name; the
    next epoch would then write over the best checkpoint, however poor it is. A run that goes on in
    another folder gets copies of the files. Nothing outside of the run's folder is ever named.

    Args:
        trainer: that goes on from the file `ckpt_path`; its callbacks know their folders.
        checkpoint: content of that file, before the callbacks get their states; changed in place.
    """
    states = checkpoint.get("callbacks", {})
    for callback in trainer.checkpoint_callbacks:
        state = states.get(callback.state_key)
        if not isinstance(callback, ModelCheckpoint) or callback.dirpath is None or not state:
            continue
        source, target = Path(str(trainer.ckpt_path)).resolve().parent, Path(callback.dirpath)
        moved = _moved(state, source, target, callback.mode)
        if state.get("best_model_score") is not None and moved["best_model_score"] is None:
            log.warning(
                "resume: the best checkpoint (%s %.4f) is not in %s; the best starts anew",
                callback.monitor,
                float(state["best_model_score"]),
                source,
            )
            del states[callback.state_key]
            continue
        states[callback.state_key] = moved
        if trainer.is_global_zero and source != target.resolve():
            for path in _named(moved):
                _copy(source / path.relative_to(target), path)


def _moved(state: Mapping[str, Any], source: Path, target: Path, mode: str) -> dict[str, Any]:
    """The state with the files that are there, under the names that they have or will have."""

    def now(path: str) -> str:
        name = _below(path, str(state["dirpath"]))
        return str(target / name) if name and (source / name).is_file() else ""

    best = {now(path): score for path, score in state["best_k_models"].items() if now(path)}
    order = sorted(best, key=lambda path: float(best[path]), reverse=mode == "max")
    moved = {
        **state,
        "dirpath": str(target),
        "best_k_models": best,
        "best_model_path": now(state["best_model_path"]),
        "kth_best_model_path": now(state["kth_best_model_path"]),
        "last_model_path": now(state["last_model_path"]),
    }
    if len(best) < len(state["best_k_models"]):  # the best of those that are left
        moved |= {
            "best_model_path": order[0] if order else "",
            "best_model_score": best[order[0]] if order else None,
            "kth_best_model_path": order[-1] if order else "",
        }
    return moved


def _below(path: str, folder: str) -> str:
    """A file's name below a folder, of whatever system; its own name where it lies elsewhere."""
    parts = path.removeprefix(folder).replace("\\", "/").strip("/").split("/")
    return "/".join(parts) if path.startswith(folder) and ".." not in parts else parts[-1]


def _named(state: Mapping[str, Any]) -> Iterator[Path]:
    names = ("best_model_path", "kth_best_model_path", "last_model_path")
    paths = {*state["best_k_models"], *(state[name] for name in names)}
    yield from (Path(path) for path in sorted(paths) if path)


def _copy(source: Path, target: Path) -> None:
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
