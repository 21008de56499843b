"""Smooth change over a video: curves through knots, and the paths objects take."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Behaviour = Literal["stay", "enter", "leave", "return"]

KNOTS = 6
_AWAY = -1.35  # depth of an object that is out of sight, in radii: 1 would touch the border


@dataclass(frozen=True, eq=False)
class Curve:
    """A Catmull-Rom curve through evenly spaced knots.

    Attributes:
        knots: [K, D], K >= 2; the first is reached at time 0, the last at time 1.
    """

    knots: FloatArray

    def at(self, time: float) -> FloatArray:
        """Value [D] at a time in 0..1 of the video; slightly outside is extrapolated."""
        last = len(self.knots) - 1
        segment = min(max(int(time * last), 0), last - 1)
        u = time * last - segment
        before = self.knots[max(segment - 1, 0)]
        start, end = self.knots[segment], self.knots[segment + 1]
        after = self.knots[min(segment + 2, last)]
        linear = end - before
        square = 2.0 * before - 5.0 * start + 4.0 * end - after
        cube = 3.0 * (start - end) + after - before
        value: FloatArray = start + 0.5 * u * (linear + u * (square + u * cube))
        return value


@dataclass(frozen=True)
class Arena:
    """The space objects move in.

    Attributes:
        width: Frame width in pixels.
        height: Frame height in pixels.
        step: Distance in pixels from one knot to the next at the object's speed.
        radius: The object's radius in pixels.
    """

    width: int
    height: int
    step: float
    radius: float


def wandering_path(rng: np.random.Generator, arena: Arena, start: FloatArray) -> FloatArray:
    """Knots [KNOTS, 2] in pixels of a path that turns slowly and stays in the frame."""
    heading = rng.uniform(0.0, 2.0 * np.pi) + np.cumsum(rng.uniform(-0.8, 0.8, KNOTS - 1))
    moves = arena.step * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    knots = start + np.concatenate([np.zeros((1, 2)), np.cumsum(moves, axis=0)])
    return _fold_into_frame(knots, arena)


def border_path(rng: np.random.Generator, arena: Arena, behaviour: Behaviour) -> FloatArray:
    """Knots [KNOTS, 2] in pixels of a path that enters, leaves, or leaves and comes back.

    The path is a depth below one border of the frame, from `_AWAY` radii outside to well inside,
    and a slow drift along that border.
    """
    inside = arena.radius * 0.8 + rng.uniform(0.06, 0.3) * min(arena.width, arena.height)
    away = _AWAY * arena.radius
    near = 0.35 * inside
    profiles = {
        "enter": [1.2 * away, away, near, inside, inside, 1.15 * inside],
        "leave": [1.15 * inside, inside, inside, near, away, 1.2 * away],
        "return": [inside, near, away, away, near, inside],
    }
    depth = np.array(profiles[behaviour])
    border = int(rng.integers(4))  # left, right, top, bottom
    across = arena.width if border < 2 else arena.height
    along = arena.height if border < 2 else arena.width
    drift = np.linspace(0.0, 1.0, KNOTS) * arena.step * rng.uniform(-1.0, 1.0)
    side = rng.uniform(0.2, 0.8) * along + drift
    depth = depth if border % 2 == 0 else across - depth
    return np.stack([depth, side] if border < 2 else [side, depth], axis=1)


def crossing_paths(
    rng: np.random.Generator, first: Arena, second: Arena
) -> tuple[FloatArray, FloatArray]:
    """Knots [KNOTS, 2] of two paths that meet near the middle of the frame and of the video."""
    size = np.array([first.width, first.height], dtype=np.float64)
    meeting = size * rng.uniform(0.35, 0.65, 2)
    heading = rng.uniform(0.0, 2.0 * np.pi)
    turn = rng.uniform(1.0, np.pi)
    pace = np.linspace(-1.0, 1.0, KNOTS)[:, None] + rng.uniform(-0.15, 0.15)
    paths = []
    for arena, angle in ((first, heading), (second, heading + turn)):
        reach = rng.uniform(0.14, 0.26) * max(arena.width, arena.height)
        direction = np.array([np.cos(angle), np.sin(angle)])
        offset = rng.uniform(-0.3, 0.3, 2) * arena.radius
        paths.append(_fold_into_frame(meeting + offset + reach * pace * direction, arena))
    return paths[0], paths[1]


def _fold_into_frame(knots: FloatArray, arena: Arena) -> FloatArray:
    """Reflects knots at a margin inside the frame, as a ball at a wall."""
    size = np.array([arena.width, arena.height], dtype=np.float64)
    margin = np.minimum(0.7 * arena.radius, 0.4 * size)
    span = size - 2.0 * margin
    phase = np.mod(knots - margin, 2.0 * span)
    folded: FloatArray = margin + np.minimum(phase, 2.0 * span - phase)
    return folded
