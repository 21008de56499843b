"""Where the boxes of live tracks are expected: where they were, or at a constant velocity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from sgnet.tracking.live_rows import LiveRows
from sgnet.tracking.tracker import FloatArray


@dataclass(frozen=True)
class BoxNoise:
    """Standard deviations as shares of a box's size, the mean of its sides; velocities a frame.

    The defaults are those that SORT's successors (DeepSORT, ByteTrack) use at 30 frames a second.

    Attributes:
        position: of a measured box, and of what a frame adds to its centre and sides.
        velocity: of what a frame adds to its velocities.
    """

    position: float = 1 / 20
    velocity: float = 1 / 160


@dataclass
class BoxMotion(LiveRows):
    """The boxes of M tracks over time; all boxes are in pixels."""

    @classmethod
    def born(cls, boxes_xyxy: FloatArray, noise: BoxNoise) -> Self:
        """Boxes [M, 4] seen once."""
        raise NotImplementedError

    def expected(self) -> FloatArray:
        """The boxes [M, 4] as they are expected now; their sides are at least 0."""
        raise NotImplementedError

    def predict(self, noise: BoxNoise) -> None:
        """A frame passes."""
        raise NotImplementedError

    def measured(self, boxes_xyxy: FloatArray, noise: BoxNoise) -> Self:
        """The same tracks after they were seen at boxes [M, 4]."""
        raise NotImplementedError


@dataclass
class LastBoxes(BoxMotion):
    """Boxes stay where they were seen last; there is no noise.

    Attributes:
        boxes_xyxy: [M, 4].
    """

    boxes_xyxy: FloatArray

    @classmethod
    def born(cls, boxes_xyxy: FloatArray, noise: BoxNoise) -> Self:
        """Boxes [M, 4] seen once."""
        return cls(boxes_xyxy)

    def expected(self) -> FloatArray:
        """The boxes [M, 4] that were seen last."""
        return self.boxes_xyxy

    def predict(self, noise: BoxNoise) -> None:
        """A frame passes, and they stay."""

    def measured(self, boxes_xyxy: FloatArray, noise: BoxNoise) -> Self:
        """The boxes [M, 4] that were seen."""
        return type(self)(boxes_xyxy)


@dataclass
class KalmanBoxes(BoxMotion):
    """M boxes as centre x, centre y, width and height, each filtered by itself.

    Nothing mixes the four: with noise that does not, the filter of all eight states is four filters
    of a value and its velocity.

    Attributes:
        values: [M, 4] in pixels.
        velocities: [M, 4] pixels a frame.
        value_variances: [M, 4].
        covariances: [M, 4] of value and velocity.
        velocity_variances: [M, 4].
    """

    values: FloatArray
    velocities: FloatArray
    value_variances: FloatArray
    covariances: FloatArray
    velocity_variances: FloatArray

    @classmethod
    def born(cls, boxes_xyxy: FloatArray, noise: BoxNoise) -> Self:
        """Boxes [M, 4] seen once: their velocities are 0, give or take ten times the noise."""
        values = _centred(boxes_xyxy)
        sizes = _sizes(values)
        return cls(
            values,
            np.zeros_like(values),
            np.broadcast_to((2 * noise.position * sizes) ** 2, values.shape).copy(),
            np.zeros_like(values),
            np.broadcast_to((10 * noise.velocity * sizes) ** 2, values.shape).copy(),
        )

    def expected(self) -> FloatArray:
        """The boxes [M, 4] as they are expected now; their sides are at least 0."""
        halves = self.values[:, 2:].clip(min=0) / 2
        return np.concatenate([self.values[:, :2] - halves, self.values[:, :2] + halves], axis=1)

    def predict(self, noise: BoxNoise) -> None:
        """A frame passes."""
        sizes = _sizes(self.values)
        self.values += self.velocities
        self.value_variances += 2 * self.covariances + self.velocity_variances
        self.value_variances += (noise.position * sizes) ** 2
        self.covariances += self.velocity_variances
        self.velocity_variances += (noise.velocity * sizes) ** 2

    def measured(self, boxes_xyxy: FloatArray, noise: BoxNoise) -> Self:
        """The same boxes after they were seen at others [M, 4]."""
        spread = self.value_variances + (noise.position * _sizes(self.values)) ** 2
        gain, velocity_gain = self.value_variances / spread, self.covariances / spread
        surprise = _centred(boxes_xyxy) - self.values
        return type(self)(
            self.values + gain * surprise,
            self.velocities + velocity_gain * surprise,
            (1 - gain) * self.value_variances,
            (1 - gain) * self.covariances,
            self.velocity_variances - velocity_gain * self.covariances,
        )


def _centred(boxes_xyxy: FloatArray) -> FloatArray:
    """Centres and sides [M, 4]."""
    low, high = boxes_xyxy[:, :2], boxes_xyxy[:, 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=1)


def _sizes(values: FloatArray) -> FloatArray:
    """Mean of the sides [M, 1], at least a pixel."""
    sizes: FloatArray = values[:, 2:].mean(axis=1, keepdims=True).clip(min=1)
    return sizes
