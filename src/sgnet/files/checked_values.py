"""Checks of single settings, whether a config, a command line or a stranger's file gives them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sgnet.files.checked_json import describe, finite_number


def require_integer(name: str, value: object, least: int, most: int) -> None:
    """Refuses what is no whole number within limits; true and false are none.

    Raises:
        ValueError: the message starts with the name.
    """
    plain = _plain(value)
    if isinstance(plain, bool) or not isinstance(plain, int) or not least <= plain <= most:
        raise ValueError(f"{name} must be an integer from {least} to {most}, got {shown(value)}")


def require_number(
    name: str, value: object, least: float, most: float, above: bool = False
) -> None:
    """Refuses what is no number within limits; NaN is none.

    Args:
        name: of the setting.
        value: to be checked.
        least: lower limit.
        most: upper limit.
        above: the lower limit itself is refused too.

    Raises:
        ValueError: the message starts with the name.
    """
    number = finite_number(_plain(value))
    if number is None or not least <= number <= most or (above and number == least):
        lower = f"above {least:g}" if above else f"from {least:g}"
        raise ValueError(f"{name} must be a number {lower} to {most:g}, got {shown(value)}")


def require_flag(name: str, value: object) -> None:
    """Refuses what is neither true nor false.

    Raises:
        ValueError: the message starts with the name.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be true or false, got {shown(value)}")


def require_one_of(name: str, value: object, choices: Sequence[object]) -> None:
    """Refuses what is none of some texts or numbers.

    Raises:
        ValueError: the message starts with the name.
    """
    plain = _plain(value)
    known = isinstance(plain, str | int) and not isinstance(plain, bool)
    if not known or plain not in choices:
        raise ValueError(f"{name} must be one of {tuple(choices)}, got {shown(value)}")


def shown(value: object) -> str:
    """A short text for any value, for error messages; never as long or as deep as the value."""
    plain = _plain(value)
    if plain is None or isinstance(plain, bool | int | float | str | list | tuple | dict):
        return describe(plain)
    return f"a {type(plain).__name__}"


def _plain(value: object) -> object:
    """Numpy's scalars as Python's."""
    return value.item() if isinstance(value, np.generic) else value
