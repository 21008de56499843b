"""Functions on arrays that numba compiles; importing this needs it (`pip install sgnet[fast]`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compiles a function at its first call and keeps the outcome on disk where that can be."""
    try:
        return cast("_Function", njit(cache=True)(function))
    except RuntimeError:  # no folder of the cache can be written
        return cast("_Function", njit(function))
