"""What lies in a run's folder: who may train there, what is set aside, noted, found again."""

from __future__ import annotations

import csv
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from filelock import FileLock, Timeout
from pytorch_lightning.utilities import rank_zero_only

from sgnet.files.atomic_file import atomic_path, require_writable
from sgnet.files.kept_aside import aside, keep_aside, kept
from sgnet.reports.runs import FAILURE_FILE, OVERRIDES_FILE, SPEED_FILE
from sgnet.training.callbacks import InterruptedRunError
from sgnet.training.errors import error_message
from sgnet.training.loggers import ID_FILE
from sgnet.training.resuming import Resumption

log = logging.getLogger(__name__)
LOCK_FILE = ".lock"
CHECKPOINTS = "checkpoints"
CONFIG_FILE = "config.yaml"
LOG_FILE = "metrics.csv"
SUMMARY_FILE = "summary.json"  # the last thing that a run writes
# what a run leaves beside Hydra's own files and train.log, which goes on
RECORDS = (
    CHECKPOINTS,
    CONFIG_FILE,
    "curves.png",
    FAILURE_FILE,
    "hparams.yaml",
    "manifest.json",
    LOG_FILE,
    "non_finite",
    OVERRIDES_FILE,
    SPEED_FILE,
    SUMMARY_FILE,
    "tensorboard",
    "uncommitted.patch",
    "validation",
    "wandb",
    ID_FILE,
)


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
def noted_failure(run_dir: Path) -> Iterator[Event]:
    """Leaves in the run folder why training failed, for reports.

    Yields:
        To be set where the folder's records have become this run's.
    """
    begun = Event()
    note = run_dir / FAILURE_FILE
    try:
        yield begun
    except InterruptedRunError:
        raise
    except Exception as error:
        # one that never began says nothing about the run that lies there
        if begun.is_set() or note.exists() or not (run_dir / CONFIG_FILE).exists():
            with suppress(OSError):  # a full disk may be the failure
                text = f"{error_message(error)}\n\n{traceback.format_exc()}"
                note.write_text(text, encoding="utf-8")
        raise


def is_first_process() -> bool:
    """Whether this process writes the files of the run."""
    return bool(getattr(rank_zero_only, "rank", 0) == 0)


def finished(run_dir: Path) -> dict[str, float]:
    """The figures that a finished run left."""
    metrics: dict[str, float] = json.loads((run_dir / SUMMARY_FILE).read_text(encoding="utf-8"))
    return metrics


def begin_records(run_dir: Path, resumed: Resumption | None) -> None:
    """Makes room for a run's records, or for those of its next part; nothing is lost.

    All that another run left in the folder goes into `run.before-000`, ... together, so that
    `resume=auto` does not go on from it. What a part of the same run left stays; its log,
    config and figures get names of their own, as writers would begin them anew.

    Args:
        run_dir: of the run.
        resumed: what it goes on from; None for a new run.
    """
    if resumed is None or resumed.path.resolve().parent != (run_dir / CHECKPOINTS).resolve():
        set_aside(run_dir)
    for name in (SUMMARY_FILE, CONFIG_FILE, LOG_FILE, SPEED_FILE, FAILURE_FILE):
        keep_aside(run_dir / name)
    for path in kept(run_dir / LOG_FILE):
        _keep_steps_below(path, resumed.step if resumed else 0)


def set_aside(run_dir: Path) -> None:
    """Moves all that a run left in a folder into a folder below it."""
    paths = [run_dir / name for name in RECORDS]
    found = [path for path in paths if path.exists()]
    found += [path for own in paths if own.suffix for path in kept(own)]  # of a run in parts
    if not found:
        return
    target = aside(run_dir / "run")
    target.mkdir()
    for path in found:
        path.rename(target / path.name)
    log.info("what an earlier run left is in %s now", target)


def _keep_steps_below(path: Path, step: int) -> None:
    """Steps that a killed run made behind its last checkpoint are made again: their lines go.

    So does the last line of a writer that was killed within it.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), reader.fieldnames or []
    kept_rows = [row for row in rows if (row.get("step") or "").isdecimal()]
    kept_rows = [row for row in kept_rows if int(row["step"]) < step and None not in row.values()]
    if len(kept_rows) == len(rows):
        return
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(kept_rows)
