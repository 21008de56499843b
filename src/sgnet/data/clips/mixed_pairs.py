"""Clip pairs of several data sets, with motion for stills and objects pasted between clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch.utils.data import Dataset

from sgnet.data.clips.clip_pairs import ClipPair, ClipPairDataset
from sgnet.data.clips.copy_paste import ClipCopyPaste
from sgnet.data.clips.raw_pairs import RawPair
from sgnet.data.clips.still_motion import StillMotion


class MixedClipPairs(Dataset[ClipPair]):
    """The pairs of a first data set, a share of them replaced by pairs of others.

    It is as long as the first data set. Everything about an item follows from its seed.

    Args:
        parts: data sets with the same classes, the main one first.
        weights: how often each is drawn from, in proportion.
        motion: for pairs of stills; None leaves both frames alike.
        copy_paste: between pairs of all parts; None pastes nothing.

    Raises:
        ValueError: not one weight above 0 for each part, or a part without pairs.
    """

    def __init__(
        self,
        parts: Sequence[ClipPairDataset],
        weights: Sequence[float],
        motion: StillMotion | None = None,
        copy_paste: ClipCopyPaste | None = None,
    ) -> None:
        if len(weights) != len(parts) or not all(weight > 0 for weight in weights):
            raise ValueError(
                f"weights must be one number above 0 for each of {len(parts)} data sets, got "
                f"{list(weights)}"
            )
        if not all(len(part) for part in parts):
            raise ValueError(f"data sets must have clip pairs, got {[len(part) for part in parts]}")
        self._parts = list(parts)
        self._shares = np.cumsum(weights) / np.sum(weights)
        self._motion = motion
        self._copy_paste = copy_paste

    def __len__(self) -> int:
        return len(self._parts[0])

    def __getitem__(self, item: tuple[int, int] | int) -> ClipPair:
        index, seed = (item, item) if isinstance(item, int) else item
        random = np.random.default_rng([seed, 1])
        part, index = self._chosen(index, random)
        pair = self._read(part, index, random)
        if self._copy_paste is not None and self._copy_paste.wants(random):
            part_of_other = self._drawn(random)
            place = int(random.integers(len(self._parts[part_of_other])))
            pair = self._copy_paste(pair, self._read(part_of_other, place, random), random)
        return self._parts[part].transformed(pair, seed)

    @property
    def orientations(self) -> set[bool]:
        """Those of the pairs of all parts, see `ClipPairDataset.is_turned`."""
        return set().union(*(part.orientations for part in self._parts))

    def is_turned(self, item: tuple[int, int]) -> bool:
        """Whether an item (index, seed) has the input size's sides exchanged."""
        index, seed = item
        part, index = self._chosen(index, np.random.default_rng([seed, 1]))
        return self._parts[part].is_turned((index, seed))

    def being_read(self) -> list[str]:
        """Key frames that the loader processes read last, for when one of them dies."""
        return [name for part in self._parts for name in part.being_read()]

    def _chosen(self, index: int, random: np.random.Generator) -> tuple[int, int]:
        """Part and key frame of an item; the main data set is gone through in order."""
        part = self._drawn(random)
        return part, int(random.integers(len(self._parts[part]))) if part else index

    def _drawn(self, random: np.random.Generator) -> int:
        part = int(np.searchsorted(self._shares, random.uniform(), side="right"))
        return min(part, len(self._parts) - 1)  # shares may add up to a little less than 1

    def _read(self, part: int, index: int, random: np.random.Generator) -> RawPair:
        pair = self._parts[part].read(index, random)
        return pair if self._motion is None else self._motion(pair, random)
