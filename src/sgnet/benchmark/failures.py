"""What did not run; the rest of a benchmark goes on without it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


class Failures:
    """Reasons by what failed.

    Attributes:
        reasons: one line each.
    """

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def attempt(self, what: str, work: Callable[[], T]) -> T | None:
        """What the work returns; None where it fails, and the reason is kept.

        Args:
            what: for the reasons.
            work: networks, compilers and runtimes of others: any exception ends just this.
        """
        try:
            return work()
        except Exception as error:
            self.note(what, error)
            return None

    def note(self, what: str, error: Exception) -> None:
        """Keeps a reason; a second one for the same is dropped."""
        lines = str(error).splitlines()
        reason = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
        log.warning("%s: does not run here: %s", what, reason)
        self.reasons.setdefault(what, reason)
