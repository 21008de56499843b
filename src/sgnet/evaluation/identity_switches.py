"""Identity switches of tracks, counted as CLEAR MOT does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SWITCH_IOU = 0.5


class IdentitySwitches:
    """Counts in one video how often an annotated object is found under another identity.

    CLEAR MOT's rule (Bernardin and Stiefelhagen, 2008): in each frame an object keeps the identity
    it was found under last wherever that still overlaps it; what is left is matched one to one,
    here greedily by falling IoU. A switch is an object found under another identity than the last
    time, however long ago. Classes do not count.

    Args:
        threshold: least IoU of a match.
    """

    def __init__(self, threshold: float = SWITCH_IOU) -> None:
        self._threshold = threshold
        self._last: dict[int, int] = {}  # by object, those found last at the end

    def add(
        self,
        ious: NDArray[np.float64],
        track_ids: Sequence[int],
        object_ids: Sequence[int],
    ) -> list[bool | None]:
        """Takes the next frame.

        Args:
            ious: [D, N] of detections with annotated objects.
            track_ids: D identities, none twice.
            object_ids: N ids, none twice, the same for an object in all frames.

        Returns:
            For each object whether its identity switched; None where it is not found in this frame
            or was not found before.
        """
        found = self._kept(ious, track_ids, object_ids)
        self._match(found, ious, track_ids, object_ids)
        switched = [
            found[o] != self._last[o] if o in found and o in self._last else None
            for o in object_ids
        ]
        for number, track_id in found.items():
            self._last.pop(number, None)
            self._last[number] = track_id
        return switched

    def _kept(
        self, ious: NDArray[np.float64], track_ids: Sequence[int], object_ids: Sequence[int]
    ) -> dict[int, int]:
        """Objects under the identity of last time; of two with one, the one it was with last."""
        rows = {track_id: row for row, track_id in enumerate(track_ids)}
        columns = {number: column for column, number in enumerate(object_ids)}
        found: dict[int, int] = {}
        for number, track_id in reversed(self._last.items()):
            if number not in columns or track_id not in rows or track_id in found.values():
                continue
            if ious[rows[track_id], columns[number]] >= self._threshold:
                found[number] = track_id
        return found

    def _match(
        self,
        found: dict[int, int],
        ious: NDArray[np.float64],
        track_ids: Sequence[int],
        object_ids: Sequence[int],
    ) -> None:
        """Adds what else overlaps, one to one, the largest IoU first."""
        taken = set(found.values())
        for place in np.argsort(-ious, axis=None, kind="stable").tolist():
            row, column = divmod(place, ious.shape[1])
            if ious[row, column] < self._threshold:
                return
            number, track_id = object_ids[column], track_ids[row]
            if number not in found and track_id not in taken:
                found[number] = track_id
                taken.add(track_id)
