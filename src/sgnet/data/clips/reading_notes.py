"""What loader processes read last, for when one of them dies."""

from __future__ import annotations

import torch
from torch.utils.data import get_worker_info

MOST_WORKERS = 64  # whose samples are noted


class ReadingNotes:
    """One number for each loader process, in memory that it shares with the process that trains."""

    def __init__(self) -> None:
        self._indices = torch.full((MOST_WORKERS,), -1, dtype=torch.int64)
        self._indices.share_memory_()  # type: ignore[no-untyped-call]

    def note(self, index: int) -> None:
        """Takes down which item this loader process begins; does nothing in another process."""
        worker = get_worker_info()
        if worker is not None and worker.id < MOST_WORKERS:
            self._indices[worker.id] = index

    def begun(self) -> list[int]:
        """The items, by loader process."""
        return [index for index in self._indices.tolist() if index >= 0]
