"""Greedy association by predicted movement (SG-Net section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sgnet.ops.boxes import box_centers
from sgnet.structures import Detections

TrackPoint = Literal["location", "box_center"]
FloatArray = NDArray[np.float64]


@dataclass
class _LiveTrack:
    """Where a track was seen last, in input pixels."""

    track_id: int
    point: FloatArray
    radius: float
    label: int
    missed: int = 0


class MovementTracker:
    """Links each detection to the track that was where its movement says it came from.

    Memory grows with live tracks only.

    Args:
        max_age: frames a track may go unmatched before it ends.
        class_aware: match only detections of the track's last class.
        point: what stands for an object: the `location` that produced its detection (the paper's
            centerness location) or its `box_center`.
        radius_scale: factor on the matching radius r, the mean of the tracked box's sides.

    Raises:
        ValueError: unknown point, negative age or radius scale.
    """

    def __init__(
        self,
        max_age: int = 1,
        class_aware: bool = False,
        point: TrackPoint = "location",
        radius_scale: float = 1.0,
    ) -> None:
        if point not in ("location", "box_center"):
            raise ValueError(f"point must be 'location' or 'box_center', got {point!r}")
        if max_age < 0 or radius_scale <= 0:
            raise ValueError(
                "max_age must be >= 0 and radius_scale > 0, "
                f"got max_age={max_age}, radius_scale={radius_scale}"
            )
        self.max_age = max_age
        self.class_aware = class_aware
        self.point = point
        self.radius_scale = radius_scale
        self.reset()

    def reset(self) -> None:
        """Forgets everything; call it before each video."""
        self._tracks: list[_LiveTrack] = []
        self._next_id = 1

    @property
    def num_live(self) -> int:
        """Tracks held in memory."""
        return len(self._tracks)

    def update(self, detections: Detections) -> list[int]:
        """Track ids of one frame's detections.

        Args:
            detections: N instances by falling score.

        Returns:
            N ids from 1, none twice; [] for no detections.
        """
        points, movements, radii, labels = self._arrays(detections)
        for live in self._tracks:
            live.missed += 1
        open_tracks = list(self._tracks)
        ids = []
        for point, movement, radius, label in zip(points, movements, radii, labels, strict=True):
            match = self._closest(point - movement, int(label), open_tracks)
            if match is None:
                match = _LiveTrack(self._next_id, point, float(radius), int(label))
                self._next_id += 1
                self._tracks.append(match)
            else:
                open_tracks.remove(match)
                match.point, match.radius = point, float(radius)
                match.label, match.missed = int(label), 0
            ids.append(match.track_id)
        self._tracks = [track for track in self._tracks if track.missed <= self.max_age]
        return ids

    def _closest(
        self, origin: FloatArray, label: int, candidates: list[_LiveTrack]
    ) -> _LiveTrack | None:
        """The candidate whose last point is nearest to `origin`, if within its radius."""
        eligible = [t for t in candidates if not self.class_aware or t.label == label]
        if not eligible:
            return None
        distances = [float(np.hypot(*(t.point - origin))) for t in eligible]
        best = int(np.argmin(distances))
        within = distances[best] <= eligible[best].radius * self.radius_scale
        return eligible[best] if within else None

    def _arrays(
        self, detections: Detections
    ) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.int64]]:
        """Points [N, 2], movements [N, 2], radii [N] and labels [N]."""
        boxes = detections.boxes_xyxy
        points = detections.locations if self.point == "location" else box_centers(boxes)
        radii = (boxes[:, 2:] - boxes[:, :2]).mean(dim=1)
        return (
            points.double().cpu().numpy(),
            detections.movements.double().cpu().numpy(),
            radii.double().cpu().numpy(),
            detections.labels.cpu().numpy(),
        )
