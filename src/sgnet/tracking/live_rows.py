"""What a tracker holds of its live tracks: arrays with a row a track."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass
class LiveRows:
    """Arrays of M rows, by birth; a subclass names them."""

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """Copies of the rows of a mask [M], or of indices."""
        return type(self)(*(getattr(self, name)[chosen] for name in self._names()))

    def joined(self, other: Self) -> Self:
        """These rows and others, born later."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in self._names())
        return type(self)(*(np.concatenate(pair) for pair in pairs))

    def put(self, rows: NDArray[np.int64], values: Self) -> None:
        """Replaces some rows by those of another."""
        for name in self._names():
            array: NDArray[Any] = getattr(self, name)
            array[rows] = getattr(values, name)

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))
