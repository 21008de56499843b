"""Runs of a sweep: each in a process of its own, so that none can end or burden the others."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from filelock import BaseFileLock, FileLock, Timeout

from sgnet.reports.runs import FAILURE_FILE, failure

log = logging.getLogger(__name__)
FORWARDED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)
SWEEP_VARIABLE = "SGNET_SWEEP"  # the sweep's name, for dashboards
SEQUENTIAL = "basic"  # Hydra's own launcher
PER_GPU = "per_gpu"  # the launcher that gives each run a GPU of its own
OUTPUT_FILE = "output.txt"  # what runs side by side would write over each other on a terminal
INTERRUPTED = 75  # sysexits' temporary failure: try again


_told: list[int] = []  # signals that this process heard: no run is begun behind them


class FailedRunError(Exception):
    """A run of a sweep failed; the others go on."""


@dataclass(frozen=True)
class SweepMember:
    """One run of a sweep.

    Attributes:
        number: in the sweep.
        overrides: of its command line.
        config_name: of its command line.
        config_folder: where its settings are (--config-path).
        more_config_folders: of its command line (--config-dir).
        folder: of the run.
        sweep: folder of the sweep.
        launcher: config of Hydra's launcher, such as basic or joblib.
    """

    number: str
    overrides: tuple[str, ...]
    config_name: str
    config_folder: str
    more_config_folders: tuple[str, ...]
    folder: Path
    sweep: Path
    launcher: str

    def command(self) -> list[str]:
        """Command line that does the run alone."""
        own = str(self.folder).replace('"', '\\"')
        return [
            *training_program(),
            *("--config-path", self.config_folder, "--config-name", self.config_name),
            *(part for folder in self.more_config_folders for part in ("--config-dir", folder)),
            *self.overrides,
            f'hydra.run.dir="{own}"',
        ]


def training_program() -> list[str]:
    """What starts a training as this process was started: train.py, or the command."""
    main = Path(sys.argv[0])
    if main.suffix == ".py" and main.name != "__main__.py":
        return [sys.executable, str(main.resolve())]
    return [sys.executable, "-m", "sgnet", "train"]


def run_member(member: SweepMember) -> None:
    """Does a run of a sweep in a process of its own and waits for it.

    Runs of a launcher other than the sequential one write to `output.txt` of their folder. Signals
    of schedulers are handed on.

    Args:
        member: see there.

    Raises:
        FailedRunError: the run failed.
        SystemExit: it was told to end, and with it the sweep.
    """
    if _told:
        raise FailedRunError(f"run {member.number} was not begun: the sweep was told to end")
    environment = {**os.environ, SWEEP_VARIABLE: member.sweep.name}
    with claimed_gpu(member) as gpu:
        if gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = gpu
        if member.launcher == SEQUENTIAL:
            process = subprocess.Popen(member.command(), env=environment)
        else:
            with (member.folder / OUTPUT_FILE).open("ab") as output:
                process = subprocess.Popen(
                    member.command(), env=environment, stdout=output, stderr=output
                )
        status = _outcome(process)
    if _told and member.launcher == SEQUENTIAL:  # elsewhere it would take the runs beside it along
        raise SystemExit(INTERRUPTED)
    if status:
        reason = failure(member.folder) or f"exit status {status}"
        if status < 0 and not (member.folder / FAILURE_FILE).exists():  # killed
            (member.folder / FAILURE_FILE).write_text(f"{reason}\n", encoding="utf-8")
        log.error("run %s failed: %s (%s)", member.number, reason, member.folder)
        raise FailedRunError(f"run {member.number} in {member.folder}: {reason}")


def result(folder: Path, figure: str) -> float | None:
    """A figure of a finished run; None where it has none.

    Args:
        folder: of the run.
        figure: its name in summary.json.
    """
    path = folder / "summary.json"
    if not path.is_file():  # another process of the run writes it
        return None
    figures: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return figures.get(figure)


@contextmanager
def claimed_gpu(member: SweepMember) -> Iterator[str | None]:
    """A GPU that no other run of this machine has claimed, for the time of a run.

    Waits for one. None with launchers other than `per_gpu` and without a GPU.
    """
    gpus = visible_gpus() if member.launcher == PER_GPU else []
    if not gpus:
        yield None
        return
    lock, gpu = _first_free(gpus)
    try:
        yield gpu
    finally:
        lock.release()


def visible_gpus() -> list[str]:
    """Names by which CUDA_VISIBLE_DEVICES may choose."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    if names is not None:
        return [name.strip() for name in names.split(",") if name.strip()]
    return [str(number) for number in range(torch.cuda.device_count())]


def _first_free(gpus: Sequence[str], pause: float = 1.0) -> tuple[BaseFileLock, str]:
    folder = Path(tempfile.gettempdir())
    while True:
        for gpu in gpus:
            lock = FileLock(folder / f"sgnet-gpu-{gpu}.lock", mode=0o666, thread_local=False)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return lock, gpu
        time.sleep(pause)


def _outcome(process: subprocess.Popen[bytes]) -> int:
    """Exit status of a process that gets our signals."""

    def hand_on(number: int, frame: FrameType | None) -> None:
        _told.append(number)
        process.send_signal(number)

    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        heeded = [n for n in FORWARDED if signal.getsignal(n) != signal.SIG_IGN]  # as under nohup
        handlers = {number: signal.signal(number, hand_on) for number in heeded}
    try:
        status = process.wait()
    except KeyboardInterrupt:  # the process heard it as well
        process.wait()
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for number in dict.fromkeys(_told):
        if callable(
            handlers.get(number)
        ):  # a launcher's own, such as submitit's, which queues again
            handlers[number](number, None)
    return status
