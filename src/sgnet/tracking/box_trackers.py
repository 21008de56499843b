"""Trackers that link boxes by overlap, as the field's baselines do: no learnt movement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sgnet.files.checked_values import require_flag, require_integer, require_number
from sgnet.ops.box_overlaps import box_overlaps
from sgnet.tracking.box_motion import BoxMotion, BoxNoise, KalmanBoxes, LastBoxes
from sgnet.tracking.live_rows import LiveRows
from sgnet.tracking.tracker import (
    MAX_AGE,
    UNTRACKED,
    FloatArray,
    IntArray,
    Scored,
    as_array,
)

BoolArray = NDArray[np.bool_]
Pairs = tuple[IntArray, IntArray]  # rows of detections and of tracks
MAX_NOISE = 1e3


class Round(NamedTuple):
    """Detections and tracks that may be linked.

    Attributes:
        detections: their rows.
        tracks: their rows.
        least: overlap of a link.
        assign: makes links of overlaps [N, M], 0 where there may be none.
    """

    detections: IntArray
    tracks: IntArray
    least: float
    assign: Callable[[FloatArray], Pairs]


@dataclass
class _Identities(LiveRows):
    """M live tracks, by birth.

    Attributes:
        ids: [M] identities.
        labels: [M] last classes.
        missed: [M] frames since they were seen.
    """

    ids: IntArray
    labels: IntArray
    missed: IntArray


def assign_greedily(overlaps: FloatArray) -> Pairs:
    """Detections in their order take the free track of highest overlap, of equal ones the older."""
    overlaps = overlaps.copy()
    rows, columns = [], []
    for row in range(len(overlaps)):
        best = int(overlaps[row].argmax()) if overlaps.shape[1] else 0
        if overlaps.shape[1] and overlaps[row, best] > 0:
            rows.append(row)
            columns.append(best)
            overlaps[:, best] = 0
    return np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64)


def assign_best(overlaps: FloatArray) -> Pairs:
    """The pairs of highest sum of overlaps (Hungarian method)."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-overlaps)
    linked = overlaps[rows, columns] > 0
    return rows[linked], columns[linked]


class _BoxTracker:
    """Links the detections of a frame with tracks by the overlap of their boxes.

    A subclass says where boxes are expected and how links are made; in one round of all detections
    and tracks, unless it says otherwise.
    """

    _motion: type[BoxMotion] = KalmanBoxes
    _assign: Callable[[FloatArray], Pairs] = staticmethod(assign_best)

    def __init__(self, max_age: int, class_aware: bool, min_iou: float, noise: BoxNoise) -> None:
        require_integer("max_age", max_age, 0, MAX_AGE)
        require_flag("class_aware", class_aware)
        require_number("min_iou", min_iou, 0, 1, above=True)
        self.max_age, self.class_aware, self.min_iou = max_age, class_aware, min_iou
        self._noise = noise
        self.reset()

    def reset(self) -> None:
        """Forgets everything; call it before each video."""
        nothing = np.zeros(0, dtype=np.int64)
        self._tracks = _Identities(nothing, nothing, nothing)
        self._boxes = self._motion.born(np.zeros((0, 4)), self._noise)
        self._next_id = 1

    def update(self, detections: Scored) -> list[int]:
        """Track ids of one frame's detections.

        Args:
            detections: N instances by falling score.

        Returns:
            N ids from 1, none twice; `UNTRACKED` for detections that start no track.
        """
        boxes, scores = as_array(detections.boxes_xyxy), as_array(detections.scores)
        boxes, labels = boxes.reshape(-1, 4), as_array(detections.labels).astype(np.int64)
        self._boxes.predict(self._noise)
        self._tracks.missed += 1
        ids = np.full(len(boxes), UNTRACKED, dtype=np.int64)
        for chosen, tracks, least, assign in self._rounds(ids, scores):
            overlaps = self._overlaps(boxes[chosen], labels[chosen], tracks)
            rows, columns = assign(np.where(overlaps < least, 0, overlaps))
            rows, columns = chosen[rows], tracks[columns]
            ids[rows] = self._tracks.ids[columns]
            self._see(columns, boxes[rows], labels[rows])
        kept = self._tracks.missed <= self.max_age
        self._tracks, self._boxes = self._tracks.where(kept), self._boxes.where(kept)
        begins = np.flatnonzero((ids == UNTRACKED) & self._may_begin(scores))
        ids[begins] = np.arange(self._next_id, self._next_id + len(begins))
        self._begin(ids[begins], boxes[begins], labels[begins])
        return [int(number) for number in ids]

    def _rounds(self, ids: IntArray, scores: FloatArray) -> Iterator[Round]:
        """Rounds of links, each once `ids` [N] has those of the rounds before."""
        everything = np.arange(len(ids)), np.arange(len(self._tracks.ids))
        yield Round(*everything, self.min_iou, self._assign)

    def _may_begin(self, scores: FloatArray) -> BoolArray:
        """Which detections [N] may start a track."""
        return np.ones(len(scores), dtype=np.bool_)

    def _overlaps(self, boxes: FloatArray, labels: IntArray, tracks: IntArray) -> FloatArray:
        """IoU [N, M] with tracks of some rows; 0 where classes forbid a link."""
        overlaps = box_overlaps(boxes, self._boxes.expected()[tracks])
        if self.class_aware:
            overlaps[labels[:, None] != self._tracks.labels[tracks]] = 0
        return overlaps

    def _see(self, tracks: IntArray, boxes: FloatArray, labels: IntArray) -> None:
        """The tracks of some rows are found."""
        seen = self._boxes.where(tracks).measured(boxes, self._noise)
        self._boxes.put(tracks, seen)
        self._tracks.labels[tracks], self._tracks.missed[tracks] = labels, 0

    def _begin(self, ids: IntArray, boxes: FloatArray, labels: IntArray) -> None:
        self._next_id += len(ids)
        self._tracks = self._tracks.joined(_Identities(ids, labels, np.zeros_like(ids)))
        born = self._motion.born(boxes, self._noise)
        self._boxes = self._boxes.joined(born)


class IouTracker(_BoxTracker):
    """Each detection takes the track whose last box it overlaps most (IOU Tracker, Bochinski).

    Args:
        max_age: frames a track may go unmatched before it ends.
        class_aware: match only detections of the track's last class.
        min_iou: least overlap of a link, above 0.
    """

    _motion: type[BoxMotion] = LastBoxes
    _assign: Callable[[FloatArray], Pairs] = staticmethod(assign_greedily)

    def __init__(self, max_age: int = 10, class_aware: bool = True, min_iou: float = 0.3) -> None:
        super().__init__(max_age, class_aware, min_iou, BoxNoise())


class KalmanTracker(_BoxTracker):
    """Links with boxes expected at a constant velocity, best in sum (SORT, Bewley et al. 2016).

    Args:
        max_age: frames a track may go unmatched before it ends.
        class_aware: match only detections of the track's last class.
        min_iou: least overlap of a link, above 0.
        position_noise: see `BoxNoise`.
        velocity_noise: see `BoxNoise`.
    """

    def __init__(
        self,
        max_age: int = 10,
        class_aware: bool = True,
        min_iou: float = 0.3,
        position_noise: float = BoxNoise.position,
        velocity_noise: float = BoxNoise.velocity,
    ) -> None:
        require_number("position_noise", position_noise, 0, MAX_NOISE, above=True)
        require_number("velocity_noise", velocity_noise, 0, MAX_NOISE)
        noise = BoxNoise(position_noise, velocity_noise)
        super().__init__(max_age, class_aware, min_iou, noise)


class ByteTracker(KalmanTracker):
    """Weak detections extend the tracks that strong ones left over (ByteTrack, Zhang et al. 2022).

    Weak ones that no track takes belong to none.

    Args:
        max_age: frames a track may go unmatched before it ends.
        class_aware: match only detections of the track's last class.
        min_iou: least overlap of a link with a strong detection, above 0.
        weak_min_iou: least overlap of a link with a weak one, above 0.
        strong: score of a strong detection at least.
        begin: score of a detection that may start a track at least.
        position_noise: see `BoxNoise`.
        velocity_noise: see `BoxNoise`.
    """

    def __init__(
        self,
        max_age: int = 10,
        class_aware: bool = True,
        min_iou: float = 0.2,
        weak_min_iou: float = 0.5,
        strong: float = 0.3,
        begin: float = 0.3,
        position_noise: float = BoxNoise.position,
        velocity_noise: float = BoxNoise.velocity,
    ) -> None:
        require_number("weak_min_iou", weak_min_iou, 0, 1, above=True)
        require_number("strong", strong, 0, 1)
        require_number("begin", begin, strong, 1)
        self.weak_min_iou, self.strong, self.begin = weak_min_iou, strong, begin
        super().__init__(max_age, class_aware, min_iou, position_noise, velocity_noise)

    def _rounds(self, ids: IntArray, scores: FloatArray) -> Iterator[Round]:
        strong = scores >= self.strong
        everything = np.arange(len(self._tracks.ids))
        yield Round(np.flatnonzero(strong), everything, self.min_iou, assign_best)
        # as in ByteTrack, tracks that were lost before this frame take strong detections only
        left = np.flatnonzero(self._tracks.missed == 1)
        yield Round(np.flatnonzero(~strong), left, self.weak_min_iou, assign_best)

    def _may_begin(self, scores: FloatArray) -> BoolArray:
        return scores >= self.begin
