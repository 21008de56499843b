"""A loader of clip pairs that goes on where a checkpoint within an epoch left it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from torch.utils.data import DataLoader, Dataset

from sgnet.data.clips.clip_pairs import ClipPair, SeededSampler
from sgnet.structures import ClipPairBatch, PairTargets


class ResumableLoader(DataLoader[ClipPair]):
    """Lightning stores and restores its state with each checkpoint.

    Args:
        dataset: of clip pairs.
        sampler: knows the order of each epoch.
        progress: epoch, and its batches that are trained; a loader itself only knows what it read.
        step: pairs of a batch, processes and accumulated batches, which make an optimiser step.
        **settings: of `DataLoader`.

    Attributes:
        waited: seconds that whoever asked for batches has waited for them.
    """

    def __init__(
        self,
        dataset: Dataset[ClipPair],
        sampler: SeededSampler,
        progress: Callable[[], tuple[int, int]],
        step: tuple[int, int, int],
        **settings: Any,  # noqa: ANN401 - passed through
    ) -> None:
        super().__init__(dataset, sampler=sampler, **settings)
        self._progress = progress
        self._step = step
        self.waited = 0.0

    def __iter__(self) -> Any:  # noqa: ANN401 - torch's type is its private iterator
        """Batches of what is left of the epoch; takes the time."""
        batches, accumulated = _Timed(super().__iter__(), self), self._step[2]
        if accumulated == 1:
            return batches
        sampler: Any = self.sampler
        return with_following(batches, accumulated, sampler.first_batch)

    def state_dict(self) -> dict[str, Any]:
        """Epoch and batches of it that are trained."""
        epoch, batches = self._progress()
        return {"epoch": epoch, "batches": batches, "step": list(self._step)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Leaves out what is trained already; before the first iterator is made.

        Raises:
            ValueError: a checkpoint within an epoch, whose batches were others.
        """
        if state["batches"] and tuple(state["step"]) != self._step:
            raise ValueError(
                "a checkpoint within an epoch goes on with its pairs of a batch, processes and "
                f"accumulated batches, expected {state['step']}, got {list(self._step)}; take one "
                "from the end of an epoch"
            )
        sampler: Any = self.sampler
        sampler.go_on(state["epoch"], state["batches"])


def with_following(
    batches: Iterable[ClipPairBatch], accumulated: int, begun: int = 0
) -> Iterator[ClipPairBatch]:
    """Tells batches what follows in their optimiser steps: the denominators of the loss need it.

    As many batches as a step has are read ahead. They stay where they are; one at a time goes on.

    Args:
        batches: of an epoch.
        accumulated: batches of a step.
        begun: batches of the epoch that came before these.

    Returns:
        The same batches with `following`; the last step may have fewer.
    """
    coming = iter(batches)
    ahead = deque(islice(coming, accumulated))
    number = begun
    while ahead:
        batch = ahead.popleft()
        behind = islice(ahead, accumulated - 1 - number % accumulated)
        yield replace(batch, following=tuple(_told(other, batch) for other in behind))
        ahead.extend(islice(coming, 1))
        number += 1


def _told(other: ClipPairBatch, batch: ClipPairBatch) -> PairTargets:
    """What a batch is told of another one."""
    key, reference = (t.without_masks() for t in (other.key_targets, other.reference_targets))
    return PairTargets(key, reference, other.key_images.shape[2:] != batch.key_images.shape[2:])


class _Timed:
    """An iterator that adds the time of each `next` up."""

    def __init__(self, batches: Iterator[Any], loader: ResumableLoader) -> None:
        self._batches = batches
        self._loader = loader

    def __iter__(self) -> _Timed:
        return self

    def __next__(self) -> Any:  # noqa: ANN401 - a collated batch
        started = time.perf_counter()
        try:
            return next(self._batches)
        finally:
            self._loader.waited += time.perf_counter() - started
