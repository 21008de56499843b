"""A video before it is drawn: objects, camera and light as functions of time."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sgnet.data.shapes.motion import Behaviour, Curve
from sgnet.data.shapes.outlines import Contours

FloatArray = NDArray[np.float64]
Scenario = Literal["ordinary", "crowd", "fast", "empty"]


@dataclass(frozen=True)
class Pose:
    """Where an object is at one time.

    Attributes:
        center: x, y in frame pixels [2].
        matrix: Linear map from the unit outline to frame pixels [2, 2].
    """

    center: FloatArray
    matrix: FloatArray


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera that pans, zooms and shakes over the world.

    Attributes:
        pan: World point at the frame centre, in pixels from the world's origin, D = 2.
        log_zoom: Natural logarithm of the zoom, D = 1.
        shake: Fast small pan, D = 2.
    """

    pan: Curve
    log_zoom: Curve
    shake: Curve

    def view(self, time: float) -> tuple[FloatArray, float]:
        """World point seen at the frame centre [2] and the zoom."""
        return self.pan.at(time) + self.shake.at(time), float(np.exp(self.log_zoom.at(time)[0]))


@dataclass(frozen=True, eq=False)
class Wobble:
    """Smooth non-rigid deformation: radial waves running around the outline.

    Attributes:
        amplitudes: [M], relative to the radius, for waves of 2, 3, ... periods.
        phases: [M], in radians.
        speeds: [M], in radians over the whole video.
    """

    amplitudes: FloatArray
    phases: FloatArray
    speeds: FloatArray

    def apply(self, points: FloatArray, time: float) -> FloatArray:
        """Deformed copy of outline points [P, 2]; directions from the origin are kept."""
        angle = np.arctan2(points[:, 1], points[:, 0])
        factor = np.ones(len(points))
        for index, amplitude in enumerate(self.amplitudes):
            phase = self.phases[index] + self.speeds[index] * time
            factor = factor + amplitude * np.sin((index + 2) * angle + phase)
        return points * factor[:, None]


@dataclass(frozen=True, eq=False)
class SceneObject:
    """One object, or an unlabelled occluder.

    Attributes:
        category: Index into `CATEGORY_NAMES`; None for an occluder.
        behaviour: Whether the path stays in the frame.
        contours: Outline around the origin, each [P, 2].
        position: World position in pixels from the frame's top left at camera rest, D = 2.
        log_radius: Natural logarithm of the radius in pixels, D = 1.
        angle: Rotation in radians, D = 1.
        stretch: Width over height of the outline, square root.
        wobble: Non-rigid deformation.
        texture_seed: Two objects with the same seed look the same.
    """

    category: int | None
    behaviour: Behaviour
    contours: Contours
    position: Curve
    log_radius: Curve
    angle: Curve
    stretch: float
    wobble: Wobble
    texture_seed: int


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that decides a video's pixels and annotations.

    Attributes:
        width: Frame width in pixels.
        height: Frame height in pixels.
        length: Frames T.
        scenario: The kind of video.
        objects: From back to front.
        camera: Moves objects and background together.
        gain: Brightness of the colour channels, D = 3.
        vignette: Loss of light in the corners, 0..1.
        noise: Standard deviation of the sensor noise in grey levels.
        camouflage: Whether object colours may come near the background's.
        pixel_seed: Seed of background and noise.
    """

    width: int
    height: int
    length: int
    scenario: Scenario
    objects: tuple[SceneObject, ...]
    camera: Camera
    gain: Curve
    vignette: float
    noise: float
    camouflage: bool
    pixel_seed: int

    def time_of(self, frame: float) -> float:
        """Time in 0..1 of a frame number in 0..T-1; fractions lie between frames."""
        return frame / max(self.length - 1, 1)

    def pose(self, item: SceneObject, time: float) -> Pose:
        """Pose of an object as the camera sees it."""
        target, zoom = self.camera.view(time)
        middle = np.array([self.width, self.height], dtype=np.float64) / 2.0
        center = middle + zoom * (item.position.at(time) - middle - target)
        scale = zoom * float(np.exp(item.log_radius.at(time)[0]))
        angle = float(item.angle.at(time)[0])
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        wide, tall = item.stretch, 1.0 / item.stretch
        matrix = np.array([[cos * wide, -sin * tall], [sin * wide, cos * tall]])
        return Pose(center, matrix)

    def contours(self, item: SceneObject, time: float) -> Contours:
        """Outline of an object in frame pixels, each contour [P, 2]."""
        pose = self.pose(item, time)
        (a, b), (c, d) = pose.matrix
        placed = []
        for points in item.contours:
            x, y = item.wobble.apply(points, time).T
            placed.append(np.stack([a * x + b * y, c * x + d * y], axis=1) + pose.center)
        return tuple(placed)
