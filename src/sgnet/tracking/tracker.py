"""What every tracker does, and what it reads."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
MAX_AGE = 2**31 - 1  # frames; a track that never ends
UNTRACKED = 0  # identity of a detection that belongs to no track


class Trackable(Protocol):
    """What trackers read of N detections by falling score; tensors or arrays, input pixels.

    Attributes:
        boxes_xyxy: [N, 4].
        locations: [N, 2] centerness locations.
        movements: [N, 2] displacement since the frame before.
        labels: [N] class index.
    """

    @property
    def boxes_xyxy(self) -> Any:  # noqa: ANN401, D102
        ...

    @property
    def locations(self) -> Any:  # noqa: ANN401, D102
        ...

    @property
    def movements(self) -> Any:  # noqa: ANN401, D102
        ...

    @property
    def labels(self) -> Any:  # noqa: ANN401, D102
        ...


class Scored(Trackable, Protocol):
    """The same with scores.

    Attributes:
        scores: [N] falling.
    """

    @property
    def scores(self) -> Any:  # noqa: ANN401, D102
        ...


class Tracker(Protocol):
    """Gives the detections of a video's frames identities."""

    def reset(self) -> None:
        """Forgets everything; to be called before each video."""
        ...

    def update(self, detections: Scored) -> list[int]:
        """Identities from 1 of one frame's N detections, none twice; or `UNTRACKED`."""
        ...


def as_array(values: Any) -> FloatArray:  # noqa: ANN401 - a tensor or an array
    """A tensor or an array as an array of its own."""
    on_cpu = values.cpu() if hasattr(values, "cpu") else values
    return np.array(on_cpu, dtype=np.float64)
