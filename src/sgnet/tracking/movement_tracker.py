"""Greedy association by predicted movement (SG-Net section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from sgnet.files.checked_values import (
    require_flag,
    require_integer,
    require_number,
    require_one_of,
)
from sgnet.tracking.live_rows import LiveRows
from sgnet.tracking.tracker import MAX_AGE, FloatArray, IntArray, Trackable, as_array

TrackPoint = Literal["location", "box_center"]
MAX_SCALE = 1e6


@dataclass
class _LiveTracks(LiveRows):
    """Where M tracks were seen last, in input pixels, by birth.

    Attributes:
        ids: [M] identities.
        points: [M, 2] last points.
        radii: [M] mean of the last box's sides.
        labels: [M] last classes.
        missed: [M] frames since then.
    """

    ids: IntArray
    points: FloatArray
    radii: FloatArray
    labels: IntArray
    missed: IntArray

    @classmethod
    def none(cls) -> _LiveTracks:
        """No track at all."""
        return cls.born(np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0), np.zeros(0, np.int64))

    @classmethod
    def born(
        cls, ids: IntArray, points: FloatArray, radii: FloatArray, labels: IntArray
    ) -> _LiveTracks:
        """Tracks seen in this frame."""
        return cls(ids, points, radii, labels, np.zeros_like(ids))


class MovementTracker:
    """Links each detection to the track that was where its movement says it came from.

    Memory grows with live tracks only.

    Args:
        max_age: frames a track may go unmatched before it ends.
        class_aware: match only detections of the track's last class.
        point: what stands for an object: the `location` that produced its detection (the paper's
            centerness location) or its `box_center`, which measured better.
        radius_scale: factor on the matching radius r, the mean of the tracked box's sides.

    Raises:
        ValueError: unknown point, or an age or radius scale beyond its limits.
    """

    def __init__(
        self,
        max_age: int = 10,
        class_aware: bool = True,
        point: TrackPoint = "box_center",
        radius_scale: float = 1.0,
    ) -> None:
        require_integer("max_age", max_age, 0, MAX_AGE)
        require_flag("class_aware", class_aware)
        require_one_of("point", point, get_args(TrackPoint))
        require_number("radius_scale", radius_scale, 0, MAX_SCALE, above=True)
        self.max_age = max_age
        self.class_aware = class_aware
        self.point = point
        self.radius_scale = radius_scale
        self.reset()

    def reset(self) -> None:
        """Forgets everything; call it before each video."""
        self._tracks = _LiveTracks.none()
        self._next_id = 1

    @property
    def settings(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("max_age", "class_aware", "point", "radius_scale")
        return {name: getattr(self, name) for name in names}

    @property
    def num_live(self) -> int:
        """Tracks held in memory."""
        return len(self._tracks.ids)

    def update(self, detections: Trackable) -> list[int]:
        """Track ids of one frame's detections.

        Args:
            detections: N instances by falling score.

        Returns:
            N ids from 1, none twice; [] for no detections.
        """
        points, movements, radii, labels = self._arrays(detections)
        tracks = self._tracks
        # o - D is where the object was in the frame before (section 3.3, D of Eq. 4)
        matches = self._match(points - movements, labels)  # [N], -1 where a track begins
        begins = matches < 0
        number = int(begins.sum())
        ids = np.empty_like(matches)
        ids[~begins] = tracks.ids[matches[~begins]]
        ids[begins] = np.arange(self._next_id, self._next_id + number)
        self._next_id += number
        tracks.missed += 1
        seen = matches[~begins]
        tracks.points[seen], tracks.radii[seen] = points[~begins], radii[~begins]
        tracks.labels[seen], tracks.missed[seen] = labels[~begins], 0
        born = _LiveTracks.born(ids[begins], points[begins], radii[begins], labels[begins])
        self._tracks = tracks.where(tracks.missed <= self.max_age).joined(born)
        return [int(i) for i in ids]

    def _match(self, origins: FloatArray, labels: IntArray) -> IntArray:
        """Track of each origin [N, 2], in order: the closest free one of those in reach, or -1.

        A track reaches as far as its own radius; of equally close ones the older is taken.
        """
        tracks = self._tracks
        if not len(tracks.ids):
            return np.full(len(origins), -1, dtype=np.int64)
        offsets = origins[:, None] - tracks.points
        # several times faster than hypot, whose care for overflow pixels do not need
        distances = np.sqrt(offsets[..., 0] ** 2 + offsets[..., 1] ** 2)  # [N, M]
        in_reach = distances <= tracks.radii * self.radius_scale
        if self.class_aware:
            in_reach &= labels[:, None] == tracks.labels
        distances[~in_reach] = np.inf
        matches = []
        taken = np.zeros(len(tracks.ids), dtype=np.bool_)
        closest = distances.argmin(axis=1).tolist()
        for detection, best in enumerate(closest):
            if taken[best]:
                distances[detection, taken] = np.inf
                best = int(distances[detection].argmin())
            found = bool(distances[detection, best] < np.inf)
            taken[best] |= found
            matches.append(best if found else -1)
        return np.array(matches, dtype=np.int64)

    def _arrays(self, detections: Trackable) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
        """Points [N, 2], movements [N, 2], radii [N] and labels [N]."""
        boxes = as_array(detections.boxes_xyxy)
        if self.point == "location":
            points = as_array(detections.locations)
        else:
            points = (boxes[:, :2] + boxes[:, 2:]) / 2
        radii = (boxes[:, 2:] - boxes[:, :2]).mean(axis=1)
        labels = as_array(detections.labels).astype(np.int64)
        return points, as_array(detections.movements), radii, labels
