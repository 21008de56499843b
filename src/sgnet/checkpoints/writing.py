"""Checkpoint files that are whole or not there, and the newest of a run."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io import TorchCheckpointIO
from torch import nn

from sgnet.checkpoints.loading import (
    CHECKPOINT_KEY,
    OTHER_STATE,
    STATE,
    STEP,
    read_tensors,
    stored_step,
)
from sgnet.checkpoints.tensor_files import require_sound_tensors
from sgnet.files.atomic_file import atomic_path

log = logging.getLogger(__name__)
COPIES_OF_WEIGHTS = 4  # weights, their average, two moments of the optimiser
FILES = 4  # best, last and interval, and the one that is being written
MEGABYTE = 2**20


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the checkpoint and moves into its place; a torn file never gets its name.

    What it reads passes the checks of files from strangers.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: Any,  # noqa: ANN401 - Lightning's
        storage_options: Any = None,  # noqa: ANN401, ARG002 - Lightning's
    ) -> None:
        """Writes a checkpoint, to the disk itself.

        Raises:
            OSError: there is no room, or the folder cannot be written; what stood at `path` stays.
        """
        target = Path(path)
        try:
            with atomic_path(target) as temporary, temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
        except (OSError, RuntimeError) as error:  # torch turns a full disk into RuntimeError
            free = shutil.disk_usage(target.parent).free // MEGABYTE
            kept = f"{target} of before is kept" if target.exists() else "nothing was kept there"
            raise OSError(
                f"checkpoint {target} cannot be written, {free} MB are free: {error}; {kept}"
            ) from error

    def load_checkpoint(
        self,
        path: Any,  # noqa: ANN401 - Lightning's
        map_location: Any = None,  # noqa: ANN401, ARG002 - Lightning's; it is always the CPU
        weights_only: bool | None = None,  # noqa: ARG002 - Lightning's; it is always so
    ) -> dict[str, Any]:
        """Reads a checkpoint to go on from, onto the CPU.

        Raises:
            ValueError: it cannot be read, holds more than tensors and plain values, or numbers
                that are none.
        """
        content = read_tensors(Path(path))
        others = [name for name in OTHER_STATE.values() if name in content]
        for name in (STATE, *others):
            require_sound_tensors(str(path), name, content.get(name))
        return content


def require_room(model: nn.Module, folder: Path) -> None:
    """Refuses a disk on which the checkpoints of a run would not fit.

    Those that are there already will be replaced.

    Raises:
        OSError: too little is free.
    """
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    there = sum(path.stat().st_size for path in folder.glob("checkpoints/*.ckpt"))
    needed = max(FILES * COPIES_OF_WEIGHTS * weights - there, COPIES_OF_WEIGHTS * weights)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            f"{folder} must have room for checkpoints, expected {needed // MEGABYTE} MB, "
            f"got {free // MEGABYTE} MB"
        )


def newest_checkpoint(folder: Path) -> Path | None:
    """The whole checkpoint of train.py with the most steps; None where there is none.

    Files that cannot be read are told about and left alone.
    """
    steps: dict[Path, tuple[int, float]] = {}
    for path in sorted(folder.glob("*.ckpt")):
        try:
            content = read_tensors(path)
            if CHECKPOINT_KEY not in content or STEP not in content:
                continue
            steps[path] = (stored_step(content, str(path)), path.stat().st_mtime)
        except ValueError as error:
            log.warning("resume: left out %s: %s", path.name, error)
    return max(steps, key=lambda path: steps[path]) if steps else None


def clear_unfinished(folder: Path) -> None:
    """Removes what a killed process left of checkpoints it was writing."""
    for path in folder.glob(".*.ckpt.*.tmp"):
        path.unlink(missing_ok=True)
