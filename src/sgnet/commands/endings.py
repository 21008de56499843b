"""How a command ends that fails: one line on stderr, and a status that tells whose turn it is."""

from __future__ import annotations

import io
import os
import re
import select
import shlex
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hydra.errors import HydraException, InstantiationException, OverrideParseException
from omegaconf.errors import (
    GrammarParseError,
    InterpolationResolutionError,
    OmegaConfBaseException,
)

from sgnet.training.errors import error_message

WRONG_INPUT = 2
FAILED_RUN = 1
OWN_FAULT = 70  # sysexits' internal software error
UNREAD = 141  # a shell's status of a process whose reader is gone, as that of `head`
FULL_ERROR = "HYDRA_FULL_ERROR"  # 1 shows tracebacks, of Hydra and of commands alike
# what callers can mend beside errors of settings and files, of libraries that are in use
MENDABLE = {
    "av.error": ("FFmpegError",),
    "cv2": ("error",),
    "lightning_fabric.utilities.exceptions": ("MisconfigurationException",),
    "PIL.Image": ("DecompressionBombError",),
    "torch": ("OutOfMemoryError",),
    "xml.etree.ElementTree": ("ParseError",),
    "yaml": ("YAMLError",),
    "zipfile": ("BadZipFile",),
    "zlib": ("error",),
}
ONNX = "onnxruntime.capi.onnxruntime_pybind11_state"  # all of its errors are of models and inputs


@contextmanager
def ending(name: str, full: bool = False) -> Iterator[None]:
    """Inside, an error ends the program with a line on stderr.

    A run of a sweep that failed in a process of its own is not ended here: Hydra goes on with the
    others and raises it behind them.

    Args:
        name: of the command.
        full: stderr shows the traceback in front of the line.

    Raises:
        SystemExit: 2 where a caller can mend it, 70 for a fault of the program, whose traceback is
            in a file that the line names; 141, without a line, where nobody reads stdout any more.
    """
    try:
        yield
        sys.stdout.flush()
    except Exception as error:
        if is_failed_run(error):
            raise
        if isinstance(error, BrokenPipeError) and nobody_reads():
            raise SystemExit(UNREAD) from None
        if full:
            traceback.print_exc()
        if is_mendable(error):
            sys.stderr.write(f"error: {mendable_message(error)}\n")
            raise SystemExit(WRONG_INPUT) from None
        text = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
        place = _traceback_file(name) or "the lines above"
        sys.stderr.write(f"error: {text} (a fault of sgnet; please report it with {place})\n")
        raise SystemExit(OWN_FAULT) from None


def usable_streams() -> None:
    """Lets stdout and stderr take every text: signs that they lack are escaped.

    Where they are closed it is dropped. No result is lost for the sake of a category's name.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - stays
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def nobody_reads() -> bool:
    """Whether stdout is a pipe without a reader; what is still to be written then is dropped."""
    try:
        number = sys.stdout.fileno()
    except OSError:  # no file of the system's
        return False
    watched = select.poll()
    watched.register(number, 0)  # errors come in any case
    gone = any(events & (select.POLLERR | select.POLLHUP) for _, events in watched.poll(0))
    if gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    return gone


@contextmanager
def ending_of_sweep() -> Iterator[None]:
    """Inside, a run of a sweep that failed ends the program once the others are done.

    Raises:
        SystemExit: 1, behind the run's reason on stderr.
    """
    try:
        yield
    except Exception as error:
        if not is_failed_run(error):
            raise
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(FAILED_RUN) from None


def is_failed_run(error: Exception) -> bool:
    """Whether it is that of a run of a sweep, which has said its reason itself."""
    sweeps = sys.modules.get("sgnet.training.sweeps")
    return sweeps is not None and isinstance(error, sweeps.FailedRunError)


def is_mendable(error: BaseException) -> bool:
    """Whether settings, files or the machine are the reason, so that a caller can mend it."""
    if isinstance(error, ImportError):  # something that is not installed
        return not (error.name or "").startswith("sgnet")
    known = (ValueError, OSError, MemoryError, RecursionError, EOFError)
    if isinstance(error, (*known, HydraException, OmegaConfBaseException, *_of_libraries())):
        return True
    of_onnx = type(error).__module__ == ONNX
    return of_onnx or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def _of_libraries() -> tuple[type[BaseException], ...]:
    """Those of MENDABLE whose libraries are in use."""
    found = [
        getattr(sys.modules.get(module), name, None)
        for module, names in MENDABLE.items()
        for name in names
    ]
    return tuple(error for error in found if error is not None)


def mendable_message(error: BaseException) -> str:
    """What it says to those who can mend it; Hydra's and OmegaConf's paragraphs as one line."""
    if isinstance(error, InstantiationException):
        return error_message(error)
    if isinstance(error, MemoryError):
        return f"out of memory: {error}".rstrip(": ")
    if isinstance(error, OmegaConfBaseException):
        return _of_value(error)
    if not isinstance(error, HydraException):
        return error_message(error)
    text = " ".join(re.split(r"Config search path|See https?:", str(error))[0].split())
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        text = f"{text} {str(cause).splitlines()[0]}"
    quoting = "; text with signs of Hydra's grammar goes in quotes: \"setting='value'\""
    return text + quoting * isinstance(error, OverrideParseException)


def _of_value(error: OmegaConfBaseException) -> str:
    """Of a value that cannot be had: which setting, and how such a name is written."""
    text = f"{error.full_key}: {str(error).splitlines()[0]}" if error.full_key else str(error)
    if isinstance(error, InterpolationResolutionError | GrammarParseError):
        text += r"; a name that holds ${ is given as 'setting=\${...', quoted for the shell"
    return " ".join(text.split())


def _traceback_file(name: str) -> str | None:
    """Writes the traceback of the error at hand; where it cannot, stderr shows it."""
    text = traceback.format_exc()
    with suppress(OSError):
        with tempfile.NamedTemporaryFile(
            "w", prefix=f"sgnet-{name}-", suffix=".log", delete=False, encoding="utf-8"
        ) as file:
            file.write(" ".join(map(shlex.quote, sys.argv)) + "\n\n" + text)
        return file.name
    sys.stderr.write(text)
    return None
