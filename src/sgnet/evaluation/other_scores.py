"""Attention scores of other objects, to see what an object's own are worth."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence

import numpy as np
import torch
from torch import Tensor


class OtherScores:
    """Draws for each object the scores of another one among those seen so far.

    Objects of the same frame count as seen; the same object in another frame is no other.

    Args:
        seed: of the draws, which hang on the order of the objects alone.
        capacity: objects that are remembered.
    """

    def __init__(self, seed: int, capacity: int = 256) -> None:
        self._random = np.random.default_rng(seed)
        self._seen: deque[tuple[Hashable, Tensor]] = deque(maxlen=capacity)

    def draw(self, names: Sequence[Hashable], scores: Tensor) -> tuple[Tensor, list[bool]]:
        """Takes the objects of a frame.

        Args:
            names: N objects, each under its name in all frames.
            scores: [N, S] their own.

        Returns:
            [N, S] others' scores, and whether there was another object; without one its own.
        """
        self._seen.extend(zip(names, scores, strict=True))
        drawn, has_other = [], []
        for name, own in zip(names, scores, strict=True):
            others = [row for other, row in self._seen if other != name]
            has_other.append(bool(others))
            drawn.append(others[self._random.integers(len(others))] if others else own)
        return torch.stack(drawn) if drawn else scores, has_other
