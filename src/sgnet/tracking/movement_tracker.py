"""Greedy association by predicted movement (SG-Net section 3.3)."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from sgnet.files.checked_values import (
    require_flag,
    require_integer,
    require_number,
    require_one_of,
)
from sgnet.tracking.live_rows import LiveRows
from sgnet.tracking.tracker import MAX_AGE, FloatArray, IntArray, Scored, as_array

TrackPoint = Literal["location", "box_center"]
MAX_SCALE = 1e6
ONE_PIXEL = 1.0  # the least side that sizes are compared by
TINY = 1e-9
BEFORE_COSTS = {"class_cost": 0.0, "size_cost": 0.0}  # of files written before there were any


@dataclass
class _LiveTracks(LiveRows):
    """Where M tracks were seen last, in input pixels, by birth.

    Attributes:
        ids: [M] identities.
        points: [M, 2] last points.
        sizes: [M, 2] width and height of the last box.
        labels: [M] last classes.
        missed: [M] frames since then.
        votes: [M, K] sums of the scores of each class index so far.
    """

    ids: IntArray
    points: FloatArray
    sizes: FloatArray
    labels: IntArray
    missed: IntArray
    votes: FloatArray

    @classmethod
    def none(cls) -> _LiveTracks:
        """No track at all."""
        nothing = np.zeros(0, np.int64)
        return cls(nothing, np.zeros((0, 2)), np.zeros((0, 2)), nothing, nothing, np.zeros((0, 0)))

    def see(self, rows: IntArray, seen: _Seen) -> None:
        """The tracks of some rows are seen again, one detection each."""
        self.points[rows], self.sizes[rows] = seen.points, seen.sizes
        self.labels[rows], self.missed[rows] = seen.labels, 0
        self.votes[rows] += seen.votes

    def with_born(self, ids: IntArray, seen: _Seen) -> _LiveTracks:
        """These tracks, and those that begin with some detections."""
        born = _LiveTracks(
            ids, seen.points, seen.sizes, seen.labels, np.zeros_like(ids), seen.votes
        )
        return self.joined(born)

    def with_classes(self, number: int) -> _LiveTracks:
        """The same with votes of at least so many classes."""
        more = max(0, number - self.votes.shape[1])
        return replace(self, votes=np.pad(self.votes, ((0, 0), (0, more))))


@dataclass
class _Seen(LiveRows):
    """What a tracker reads of N detections, input pixels.

    Attributes:
        points: [N, 2] that stand for the objects.
        movements: [N, 2] since the frame before.
        sizes: [N, 2] width and height.
        labels: [N] class index.
        votes: [N, K] the score in the place of the class, else 0.
    """

    points: FloatArray
    movements: FloatArray
    sizes: FloatArray
    labels: IntArray
    votes: FloatArray


class MovementTracker:
    """Links each detection to the track that was where its movement says it came from.

    Memory grows with live tracks only.

    Args:
        max_age: frames a track may go unmatched before it ends.
        class_aware: match only detections of the track's last class.
        point: what stands for an object: the `location` that produced its detection (the paper's
            centerness location) or its `box_center`, which measured better.
        radius_scale: factor on the matching radius r, the mean of the tracked box's sides.
        class_cost: what a track costs none of whose frames had the detection's class, in radii;
            less where some had, by their scores. It counts where `class_aware` does not.
        size_cost: what a track costs whose sides are in all e times the detection's, in radii.
        max_cost: the most that way, class and size may cost together, in radii; where classes and
            sizes cost nothing, it is not looked at.

    With a cost, closeness is measured in the radii of the tracks, else in pixels.

    Raises:
        ValueError: unknown point, or a number beyond its limits.
    """

    def __init__(
        self,
        max_age: int = 10,
        class_aware: bool = False,
        point: TrackPoint = "box_center",
        radius_scale: float = 1.0,
        class_cost: float = 0.7,
        size_cost: float = 0.3,
        max_cost: float = 1.3,
    ) -> None:
        require_integer("max_age", max_age, 0, MAX_AGE)
        require_flag("class_aware", class_aware)
        require_one_of("point", point, get_args(TrackPoint))
        require_number("radius_scale", radius_scale, 0, MAX_SCALE, above=True)
        require_number("class_cost", class_cost, 0, MAX_SCALE)
        require_number("size_cost", size_cost, 0, MAX_SCALE)
        require_number("max_cost", max_cost, 0, MAX_SCALE)
        self.max_age = max_age
        self.class_aware = class_aware
        self.point = point
        self.radius_scale = radius_scale
        self.class_cost = class_cost
        self.size_cost = size_cost
        self.max_cost = max_cost
        self.reset()

    def reset(self) -> None:
        """Forgets everything; call it before each video."""
        self._tracks = _LiveTracks.none()
        self._next_id = 1

    @property
    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @property
    def num_live(self) -> int:
        """Tracks held in memory."""
        return len(self._tracks.ids)

    def update(self, detections: Scored) -> list[int]:
        """Track ids of one frame's detections.

        Args:
            detections: N instances by falling score.

        Returns:
            N ids from 1, none twice; [] for no detections.
        """
        seen = self._seen(detections)
        tracks = self._tracks.with_classes(seen.votes.shape[1])
        matches = self._match(seen, tracks)  # [N], -1 where a track begins
        begins = matches < 0
        number = int(begins.sum())
        ids = np.empty_like(matches)
        ids[~begins] = tracks.ids[matches[~begins]]
        ids[begins] = np.arange(self._next_id, self._next_id + number)
        self._next_id += number
        tracks.missed += 1
        tracks.see(matches[~begins], seen.where(~begins))
        live = tracks.where(tracks.missed <= self.max_age)
        self._tracks = live.with_born(ids[begins], seen.where(begins))
        return [int(i) for i in ids]

    def _match(self, seen: _Seen, tracks: _LiveTracks) -> IntArray:
        """Track of each detection, in order: the closest free one of those in reach, or -1.

        A track reaches as far as its own radius; of equally close ones the older is taken.
        """
        if not len(tracks.ids):
            return np.full(len(seen.labels), -1, dtype=np.int64)
        # o - D is where the object was in the frame before (section 3.3, D of Eq. 4)
        offsets = (seen.points - seen.movements)[:, None] - tracks.points
        # several times faster than hypot, whose care for overflow pixels do not need
        costs = np.sqrt(offsets[..., 0] ** 2 + offsets[..., 1] ** 2)  # [N, M] pixels
        reach = tracks.sizes.mean(axis=1) * self.radius_scale
        in_reach = costs <= reach
        if self.class_aware:
            in_reach &= seen.labels[:, None] == tracks.labels
        if self.class_cost > 0 or self.size_cost > 0:
            costs = costs / reach.clip(TINY) + self._further_costs(seen, tracks)  # radii
            in_reach &= costs <= self.max_cost
        costs[~in_reach] = np.inf
        matches = []
        taken = np.zeros(len(tracks.ids), dtype=np.bool_)
        closest = costs.argmin(axis=1).tolist()
        for detection, best in enumerate(closest):
            if taken[best]:
                costs[detection, taken] = np.inf
                best = int(costs[detection].argmin())
            found = bool(costs[detection, best] < np.inf)
            taken[best] |= found
            matches.append(best if found else -1)
        return np.array(matches, dtype=np.int64)

    def _further_costs(self, seen: _Seen, tracks: _LiveTracks) -> FloatArray:
        """What other classes and sizes cost, [N, M] radii."""
        shares = tracks.votes / tracks.votes.sum(axis=1, keepdims=True).clip(TINY)  # [M, K]
        sides, others = (np.log(sizes.clip(ONE_PIXEL)) for sizes in (seen.sizes, tracks.sizes))
        ratios = np.abs(sides[:, None] - others).sum(axis=2)
        further: FloatArray = self.class_cost * (1 - shares[:, seen.labels].T)
        further += self.size_cost * ratios
        return further

    def _seen(self, detections: Scored) -> _Seen:
        boxes = as_array(detections.boxes_xyxy).reshape(-1, 4)
        if self.point == "location":
            points = as_array(detections.locations)
        else:
            points = (boxes[:, :2] + boxes[:, 2:]) / 2
        labels = as_array(detections.labels).astype(np.int64)
        classes = max(self._tracks.votes.shape[1], 1 + int(labels.max(initial=-1)))
        votes = np.zeros((len(labels), classes))
        votes[np.arange(len(labels)), labels] = as_array(detections.scores)
        sizes = boxes[:, 2:] - boxes[:, :2]
        return _Seen(points, as_array(detections.movements), sizes, labels, votes)
