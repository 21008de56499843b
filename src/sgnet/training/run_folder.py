"""What lies in a run's folder: who may train there, what is resumed, set aside, noted."""

from __future__ import annotations

import csv
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only

from sgnet.checkpoints.loading import CHECKPOINT_KEY, read_tensors
from sgnet.checkpoints.writing import newest_checkpoint
from sgnet.files.atomic_file import atomic_path, require_writable
from sgnet.reports.differences import config_differences
from sgnet.reports.runs import FAILURE_FILE
from sgnet.training.callbacks import InterruptedRunError
from sgnet.training.errors import error_message

log = logging.getLogger(__name__)
RESUME_LAST, RESUME_AUTO = "last", "auto"
LOCK_FILE = ".lock"
# what may differ between the parts of a run and between those who look at it
FREE_SETTINGS = (
    "paths",
    "logger",
    "callbacks.best.dirpath",
    "callbacks.broken_frames",
    "callbacks.interruption",
    "callbacks.last.dirpath",
    "callbacks.learning_rate",
    "callbacks.non_finite.folder",
    "callbacks.pictures",
    "callbacks.progress",
    "callbacks.throughput",
    "resume",
    "trainer.default_root_dir",
    "data.root",
    "data.num_workers",
    "data.generator_workers",
    "model.location_offset",  # of the weights
    "model.detection_head.num_classes",  # of the annotations
    "paper",
)
SUMMARY_FILE = "summary.json"  # the last thing that a run writes


@contextmanager
def sole_run(run_dir: Path) -> Iterator[None]:
    """Keeps a second start of the same run out of its folder.

    Raises:
        ValueError: another process trains there.
    """
    if not is_first_process():
        yield
        return
    require_writable(run_dir)
    lock = FileLock(run_dir / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"{run_dir}: another process trains in this folder") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def noted_failure(run_dir: Path) -> Iterator[None]:
    """Leaves in the run folder why training failed, for reports."""
    note = run_dir / FAILURE_FILE
    note.unlink(missing_ok=True)
    try:
        yield
    except InterruptedRunError:
        raise
    except Exception as error:
        with suppress(OSError):  # a full disk may be the failure
            note.write_text(f"{error_message(error)}\n\n{traceback.format_exc()}", encoding="utf-8")
        raise


def is_first_process() -> bool:
    """Whether this process writes the files of the run."""
    return bool(getattr(rank_zero_only, "rank", 0) == 0)


def resume_path(cfg: DictConfig, run_dir: Path) -> str | None:
    """The checkpoint to go on from, checked before any work starts."""
    if cfg.resume is None:
        return None
    if cfg.resume == RESUME_AUTO:
        newest = newest_checkpoint(run_dir / "checkpoints")
        log.info("resume=auto: %s", newest or "no checkpoint yet, from the start")
        return None if newest is None else str(newest)
    path = run_dir / "checkpoints" / "last.ckpt" if cfg.resume == RESUME_LAST else Path(cfg.resume)
    if not path.is_file():
        raise ValueError(f"resume: checkpoint {path} not found")
    if not {CHECKPOINT_KEY, "state_dict", "global_step"} <= set(read_tensors(path)):
        raise ValueError(f"resume: {path} must be a checkpoint of train.py, got another file")
    return str(path)


def set_aside(checkpoints: Path) -> None:
    """Moves another run's checkpoints out of the way of `resume=auto`."""
    if any(checkpoints.glob("*.ckpt")):
        number = len(list(checkpoints.parent.glob("checkpoints.before-*")))
        target = checkpoints.with_name(f"checkpoints.before-{number:03d}")
        checkpoints.rename(target)
        log.info("checkpoints of an earlier run are in %s now", target)


def require_same_settings(cfg: DictConfig, run_dir: Path) -> None:
    """Refuses to take a finished run for one with other settings.

    Raises:
        ValueError: the settings differ.
    """
    stored = run_dir / "config.yaml"
    if not stored.is_file():
        return
    found = [
        f"{name}: {theirs} there, {ours} here"
        for name, ours, theirs in config_differences(cfg, OmegaConf.load(stored))
        if not name.startswith(FREE_SETTINGS)
    ]
    if found:
        raise ValueError(
            f"{run_dir} holds a finished run with other settings ({'; '.join(found)}); choose "
            "another folder or remove it"
        )


def finished(run_dir: Path) -> dict[str, float]:
    """The figures that a finished run left."""
    metrics: dict[str, float] = json.loads((run_dir / SUMMARY_FILE).read_text(encoding="utf-8"))
    return metrics


def clear_earlier_logs(run_dir: Path, resume: str | None) -> None:
    """Moves the log of a run that is resumed in its folder aside; a new run starts without any.

    The logger would delete the log that it finds. Steps that a killed run made behind its last
    checkpoint are made again, so their lines go.
    """
    earlier = sorted(run_dir.glob("metrics.before-*.csv"))
    log_file = run_dir / "metrics.csv"
    if resume is None:
        for path in (*earlier, log_file):
            path.unlink(missing_ok=True)
        return
    if log_file.is_file():
        moved = run_dir / f"metrics.before-{len(earlier):03d}.csv"
        log_file.rename(moved)
        earlier.append(moved)
    step = int(read_tensors(Path(resume))["global_step"])
    for path in earlier:
        _keep_steps_below(path, step)


def _keep_steps_below(path: Path, step: int) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), reader.fieldnames or []
    kept = [row for row in rows if row.get("step") and int(row["step"]) < step]
    if len(kept) == len(rows):
        return
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(kept)
