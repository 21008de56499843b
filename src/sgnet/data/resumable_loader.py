"""A loader of clip pairs that goes on where a checkpoint within an epoch left it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils.data import DataLoader

from sgnet.data.clip_pairs import ClipPair, ClipPairDataset, SeededSampler


class ResumableLoader(DataLoader[ClipPair]):
    """Lightning stores and restores its state with each checkpoint.

    Args:
        dataset: of clip pairs.
        sampler: knows the order of each epoch.
        progress: epoch, and its batches that are trained; a loader itself only knows what it read.
        **settings: of `DataLoader`.
    """

    def __init__(
        self,
        dataset: ClipPairDataset,
        sampler: SeededSampler,
        progress: Callable[[], tuple[int, int]],
        **settings: Any,  # noqa: ANN401 - passed through
    ) -> None:
        super().__init__(dataset, sampler=sampler, **settings)
        self._progress = progress

    def state_dict(self) -> dict[str, int]:
        """Epoch and batches of it that are trained."""
        epoch, batches = self._progress()
        return {"epoch": epoch, "batches": batches}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Leaves out what is trained already; before the first iterator is made."""
        sampler: Any = self.sampler
        sampler.go_on(state["epoch"], state["batches"])
