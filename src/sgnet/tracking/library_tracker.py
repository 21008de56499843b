"""OC-SORT and other box trackers of the package `trackers` (`pip install sgnet[trackers]`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sgnet.files.checked_values import require_flag
from sgnet.tracking.tracker import UNTRACKED, FloatArray, IntArray, Scored, as_array


class LibraryTracker:
    """Gives boxes and scores to a tracker of that package, which knows no movements.

    A detection that it leaves without an identity belongs to no track. Many leave the first frames
    of a track without.

    Args:
        make: makes a tracker, such as `trackers.OCSORTTracker`; it must need no frames.
        class_aware: each class has a tracker of its own; else classes do not count.
    """

    def __init__(self, make: Callable[[], Any], class_aware: bool = True) -> None:
        require_flag("class_aware", class_aware)
        self._make, self.class_aware = make, class_aware
        self.reset()

    def reset(self) -> None:
        """Forgets everything; call it before each video."""
        self._trackers: dict[int, Any] = {}
        self._ids: dict[tuple[int, int], int] = {}  # by class and the tracker's own identity

    def update(self, detections: Scored) -> list[int]:
        """Track ids of one frame's detections.

        Args:
            detections: N instances by falling score.

        Returns:
            N ids from 1, none twice; `UNTRACKED` for detections that belong to no track.
        """
        boxes = as_array(detections.boxes_xyxy).reshape(-1, 4)
        scores = as_array(detections.scores)
        labels = as_array(detections.labels).astype(np.int64)
        if not self.class_aware:
            labels = np.zeros_like(labels)
        for label in sorted(set(labels.tolist()) - set(self._trackers)):
            self._trackers[label] = self._make()
        ids = np.full(len(boxes), UNTRACKED, dtype=np.int64)
        for label, tracker in self._trackers.items():  # those that see nothing grow older
            rows = np.flatnonzero(labels == label)
            own = _identities(tracker, boxes[rows], scores[rows])
            for row, number in zip(rows.tolist(), own.tolist(), strict=True):
                if number >= 0:
                    ids[row] = self._ids.setdefault((label, number), len(self._ids) + 1)
        return [int(number) for number in ids]


def _identities(tracker: Any, boxes: FloatArray, scores: FloatArray) -> IntArray:  # noqa: ANN401
    """The tracker's own identities of N detections, -1 without one."""
    from supervision import Detections

    given = Detections(
        xyxy=boxes, confidence=scores, data={"row": np.arange(len(boxes))} if len(boxes) else {}
    )
    tracked = tracker.update(given)
    ids = np.full(len(boxes), -1, dtype=np.int64)
    if len(tracked):
        ids[tracked.data["row"]] = tracked.tracker_id  # the order may be another
    return ids
