"""Signals that end a process: its work is unwound as by Ctrl-C, so that nothing stays half written.

A signal that is ignored, as SIGHUP is under nohup, stays ignored.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")  # SIGBREAK is Windows' Ctrl-Break
ENDING = tuple(signal.Signals[name] for name in NAMES if hasattr(signal, name))
LISTENING = ("train",)  # commands that save themselves, see InterruptionCheckpoint
BASE = 128  # a shell's status of a process that a signal ended is the signal's number above it


@dataclass
class Told:
    """Whether the process was told to end.

    Attributes:
        number: of the signal; None where none came.
    """

    number: int | None = None

    @property
    def status(self) -> int:
        """Exit status: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP; 0 without a signal."""
        return 0 if self.number is None else BASE + self.number


def unwound(name: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the work returns
    """Runs a command's work; the first signal to end raises KeyboardInterrupt inside.

    What the work has open is then closed or removed. The second one ends the process at once.

    Args:
        name: of the command.
        work: to run.

    Returns:
        What the work returns.

    Raises:
        SystemExit: the process was told to end; see `Told.status`.
    """
    if name in LISTENING:
        return work()
    told = Told()
    try:
        with _first_signal(told, raises=True):
            return work()
    except KeyboardInterrupt:
        told.number = told.number or signal.SIGINT
        sys.stderr.write(f"ended by {signal.Signals(told.number).name}\n")
        raise SystemExit(told.status) from None


def noted() -> AbstractContextManager[Told]:
    """Inside, the first signal to end is only noted, so that no frame is left half written.

    The second one does what it does outside. Also SIGINT that is ignored, as a shell's for its
    commands in the background, is noted: who sends it to one of them means it.
    """
    return _first_signal(Told(), raises=False)


@contextmanager
def _first_signal(told: Told, raises: bool) -> Iterator[Told]:
    """Inside, the first signal to end is noted, and raises KeyboardInterrupt where it shall.

    A process that is forked meanwhile ends by it as if nobody listened.
    """
    own = os.getpid()

    def note(number: int, frame: object) -> None:  # noqa: ARG001 - Python gives it
        forked = os.getpid() != own
        for each, handler in before.items():
            signal.signal(each, signal.SIG_DFL if raises or forked else handler)
        if forked:
            signal.raise_signal(number)
        told.number = number
        if raises:
            raise KeyboardInterrupt

    before = _heeded(ignored=() if raises else (signal.SIGINT,))
    for number in before:
        signal.signal(number, note)
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _heeded(ignored: tuple[int, ...]) -> dict[signal.Signals, Any]:
    """What signals to end do now, where Python's main thread gets them.

    Args:
        ignored: signals that are heeded although they are ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in ENDING}
    return {
        number: handler
        for number, handler in handlers.items()
        if handler is not None and (handler != signal.SIG_IGN or number in ignored)
    }
