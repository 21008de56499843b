"""What the mains do with errors that their callers can mend."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from hydra.errors import InstantiationException
from lightning_fabric.utilities.exceptions import MisconfigurationException

from sgnet.training.callbacks import InterruptedRunError
from sgnet.training.sweeps import INTERRUPTED


def exit_on_error(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the work returns
    """Runs a main's work; an error of settings or input becomes one message, exit status 2."""
    try:
        return work()
    except (ValueError, OSError, MisconfigurationException) as error:
        sys.stderr.write(f"error: {error_message(error)}\n")
        raise SystemExit(2) from None
    except InterruptedRunError as interruption:
        sys.stderr.write(f"{interruption}\n")
        raise SystemExit(INTERRUPTED) from None
    except InstantiationException as error:
        sys.stderr.write(f"error: {error_message(error)}\n")
        raise SystemExit(2) from None


def error_message(error: BaseException) -> str:
    """The error's text; of one that comes from a loader process, what follows its traceback."""
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        return error_message(error.__cause__)  # Hydra wraps what a constructor raised
    text = str(error).strip() or type(error).__name__
    if "Traceback (most recent call last)" in text:
        return text.splitlines()[-1]
    return text
