"""Training goes on without frames that cannot be read, up to a share of them."""

from __future__ import annotations

import logging
from typing import Any

import pytorch_lightning as pl

from sgnet.structures import ClipPairBatch

log = logging.getLogger(__name__)
NAMED = 5  # files in the message that ends a run


class BrokenFrameGuard(pl.Callback):
    """Names each broken frame once, counts the pairs that were replaced, ends the run at too many.

    Logs `train/replaced_pairs`, their number since training began. Each process counts its own
    pairs; a checkpoint keeps the first one's.

    Args:
        share: of the pairs read that may be replaced.
        patience: pairs that are read before the share counts.

    Raises:
        ValueError: share is none.
    """

    def __init__(self, share: float = 0.01, patience: int = 200) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share must be in [0, 1], got {share}")
        self.share = share
        self.patience = patience
        self._seen = 0
        self._replaced = 0
        self._named: dict[str, None] = {}
        self._whole_since_resumed = False

    def state_dict(self) -> dict[str, Any]:
        """Counts and names, for a run that is resumed."""
        return {"seen": self._seen, "replaced": self._replaced, "named": list(self._named)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on counting."""
        self._seen, self._replaced = state_dict["seen"], state_dict["replaced"]
        self._named = dict.fromkeys(state_dict["named"])
        self._whole_since_resumed = True

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: ClipPairBatch,
        batch_idx: int,
    ) -> None:
        """Counts.

        Raises:
            ValueError: too many frames are broken.
        """
        self._seen += len(batch.names)
        self._replaced += len(batch.replaced)
        for problem in batch.replaced:
            if problem not in self._named:
                self._named[problem] = None
                log.warning("clip pair replaced by another: %s", problem)
        self._whole_since_resumed &= not batch.replaced
        if self._whole_since_resumed:  # its files were repaired meanwhile
            return
        if self._seen >= self.patience and self._replaced > self.share * self._seen:
            first = "; ".join(list(self._named)[:NAMED])
            raise ValueError(
                f"{self._replaced} of {self._seen} clip pairs have broken frames, expected at most "
                f"{self.share:.1%} (callbacks.broken_frames.share): {first}; "
                "`sgnet check-data` finds all of them"
            )

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's
        batch: ClipPairBatch,
        batch_idx: int,
    ) -> None:
        """Logs the count where there is something to count."""
        if self._replaced:
            pl_module.log("train/replaced_pairs", float(self._replaced), batch_size=1)
