"""Values of settings against the types that they are declared with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

SWITCHES = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
PLAIN = (bool, int, float, str)
LISTS = (list, tuple, Sequence)
HYDRAS = {"_target_", "_partial_", "_convert_", "_recursive_", "_args_"}  # own names of settings


class Settings:
    """What dataclasses that declare the types of a group of settings have in common."""


@dataclass(frozen=True)
class Within:
    """Bounds of a number, both included; put behind its type by `Annotated`."""

    low: float
    high: float = math.inf

    def __str__(self) -> str:
        """As a message says it."""
        return (
            f"of at least {self.low}"
            if math.isinf(self.high)
            else f"from {self.low} to {self.high}"
        )


class _WrongTypeError(Exception):
    """A value that is none of a type."""


def converted(value: Any, kind: Any, name: str) -> Any:  # noqa: ANN401 - of any type
    """A value as its type has it: 2024 as text is "2024", 3.0 as a whole number is 3.

    Args:
        value: plain, as YAML has them.
        kind: None, bool, int, float, str or Path; Literal, Annotated with `Within`, lists and
            tuples of these; `Settings`, for a mapping with their fields; unions of all these.
            Anything else takes every value.
        name: of the setting, for the message.

    Raises:
        ValueError: the value is none of this type.
    """
    try:
        return _value(value, kind, name)
    except _WrongTypeError:
        raise ValueError(f"{name} must be {described(kind)}, got {value!r}") from None


def described(kind: Any) -> str:  # noqa: ANN401
    """A type in words: "a whole number of at least 1 or null"."""
    origin = get_origin(kind)
    if origin is Annotated:
        base, bounds = get_args(kind)
        return f"{described(base)} {bounds}"
    if origin is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if origin in (Union, UnionType):
        parts = [described(part) for part in get_args(kind) if part is not NoneType]
        return " or ".join(dict.fromkeys([*parts, *(["null"] * (NoneType in get_args(kind)))]))
    if origin in LISTS:
        return f"a list, each {described(get_args(kind)[0])}" if get_args(kind) else "a list"
    words = {bool: "true or false", int: "a whole number", float: "a number", Path: "text"}
    return words.get(kind) or ("text" if kind is str else "a group of settings")


def takes_text(kind: Any) -> bool:  # noqa: ANN401
    """Whether a setting's value is text as it is typed: no number, no switch."""
    parts = set(get_args(kind)) if get_origin(kind) in (Union, UnionType) else {kind}
    return bool(parts & {str, Path}) and not parts & {bool, int, float}


def takes_list(kind: Any) -> bool:  # noqa: ANN401
    """Whether a setting's value may be a list."""
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return any(part is list or get_origin(part) in LISTS for part in parts)


def _value(value: Any, kind: Any, name: str) -> Any:  # noqa: ANN401, PLR0911
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _bounded(_value(value, parts[0], name), parts[1])
    if origin is Literal:
        return _member(value, parts)
    if origin in (Union, UnionType):
        return _first(value, parts, name)
    if origin in LISTS or kind in LISTS:
        return _items(value, parts, name)
    if kind in (Path, *PLAIN, NoneType, None):
        return _plain(value, kind)
    if isinstance(kind, type) and issubclass(kind, Settings):
        return _fields(value, kind, name)
    return value


def _bounded(value: Any, bounds: Any) -> Any:  # noqa: ANN401
    if isinstance(bounds, Within) and not bounds.low <= value <= bounds.high:
        raise _WrongTypeError
    return value


def _member(value: Any, members: tuple[Any, ...]) -> Any:  # noqa: ANN401
    for member in members:
        if value == member and isinstance(value, bool) == isinstance(member, bool):
            return member
    raise _WrongTypeError


def _first(value: Any, parts: tuple[Any, ...], name: str) -> Any:  # noqa: ANN401
    """The value as it is, where that is one of the types; else as the first that takes it."""
    if any(part in PLAIN and type(value) is part for part in parts):
        parts = tuple(part for part in parts if part is type(value))
    for part in parts:
        try:
            return _value(value, part, name)
        except _WrongTypeError:
            continue
    raise _WrongTypeError


def _items(value: Any, parts: tuple[Any, ...], name: str) -> list[Any]:  # noqa: ANN401
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _WrongTypeError
    if not parts:
        return list(value)
    if len(parts) > 1 and parts[-1] is not Ellipsis:  # tuple[int, int]
        if len(value) != len(parts):
            raise _WrongTypeError
        return [_value(item, part, name) for item, part in zip(value, parts, strict=True)]
    return [_value(item, parts[0], name) for item in value]


def _plain(value: Any, kind: Any) -> Any:  # noqa: ANN401
    """As None, bool, int, float or text; Paths stay text."""
    if kind in (NoneType, None):
        if value is None:
            return None
        raise _WrongTypeError
    if value is None or not isinstance(value, (*PLAIN, Path)):
        raise _WrongTypeError
    if kind in (str, Path):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind is bool:
        return _switch(value)
    return _number(value, kind)


def _switch(value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in SWITCHES:
        return SWITCHES[value.lower()]
    raise _WrongTypeError


def _number(value: Any, kind: type[int] | type[float]) -> int | float:  # noqa: ANN401
    """From a number, or from text that is one, as environment variables are."""
    if isinstance(value, (bool, Path)):
        raise _WrongTypeError
    number = _read(value) if isinstance(value, str) else value
    if isinstance(number, float) and not math.isfinite(number):
        raise _WrongTypeError
    if kind is float:
        return float(number) if isinstance(value, str) else value
    if number != int(number):
        raise _WrongTypeError
    return int(number)


def _read(text: str) -> int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise _WrongTypeError


def _fields(value: Any, kind: type, name: str) -> Any:  # noqa: ANN401
    """A mapping whose names are fields of the dataclass."""
    if not isinstance(value, Mapping):
        raise _WrongTypeError
    hints = get_type_hints(kind, include_extras=True)
    require_known(set(value) - HYDRAS, list(hints), name)
    return {
        key: converted(item, hints[key], f"{name}.{key}") if key in hints else item
        for key, item in value.items()
    }


def require_known(given: set[Any], known: Sequence[str], name: str) -> None:
    """Refuses names of settings that nothing reads.

    Raises:
        ValueError: there are some.
    """
    unknown = sorted(map(str, given - set(known)))
    if unknown:
        raise ValueError(f"{name} knows {', '.join(known) or 'no settings'}; got {unknown[0]!r}")
