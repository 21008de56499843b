"""What an error says to those who can mend it."""

from __future__ import annotations

from hydra.errors import InstantiationException


def error_message(error: BaseException) -> str:
    """The error's text; of one that comes from a loader process, what follows its traceback."""
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        return error_message(error.__cause__)  # Hydra wraps what a constructor raised
    text = str(error).strip() or type(error).__name__
    if "Traceback (most recent call last)" in text:
        return text.splitlines()[-1]
    return text
