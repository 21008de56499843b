"""The category outlines as closed contours in the unit circle."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sgnet.data.shapes.spec import CATEGORY_NAMES

FloatArray = NDArray[np.float64]
Contours = tuple[FloatArray, ...]

_POINTS = 72  # vertices of a contour: enough for a smooth wobble at 640x360


def unit_outline(category: str) -> Contours:
    """Contours of a category, to be filled by the even-odd rule.

    Args:
        category: One of `CATEGORY_NAMES`.

    Returns:
        Contours [P, 2] of x, y around the origin; the farthest vertex lies at distance 1. A second
        contour is a hole.

    Raises:
        ValueError: The category is unknown.
    """
    if category not in _OUTLINES:
        raise ValueError(f"category must be one of {CATEGORY_NAMES}, got {category!r}")
    contours = _OUTLINES[category]()
    radius = max(float(np.hypot(points[:, 0], points[:, 1]).max()) for points in contours)
    return tuple(points / radius for points in contours)


def pillar_outline(rng: np.random.Generator, half_width: float, half_height: float) -> Contours:
    """Outline of an unlabelled occluder: a ragged vertical band.

    Args:
        rng: Source of the ragged edge.
        half_width: Mean half width, in pixels.
        half_height: Half height, in pixels; taller than the frame.

    Returns:
        One contour [P, 2] around the origin, in pixels.
    """
    y = np.linspace(-half_height, half_height, _POINTS // 2)
    left = -half_width * rng.uniform(0.8, 1.2, y.size)
    right = half_width * rng.uniform(0.8, 1.2, y.size)
    down = np.stack([right, y], axis=1)
    up = np.stack([left, y], axis=1)[::-1]
    return (np.concatenate([down, up]),)


def _circle(radius: float, points: int = _POINTS) -> FloatArray:
    angle = np.arange(points) * (2.0 * np.pi / points)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _dense(corners: list[tuple[float, float]]) -> FloatArray:
    """Points along the closed polygon [P, 2], evenly over its edges, so that it can bend."""
    start = np.array(corners, dtype=np.float64)
    end = np.roll(start, -1, axis=0)
    each = max(2, _POINTS // len(corners))
    share = (np.arange(each) / each)[None, :, None]
    points: FloatArray = start[:, None] * (1.0 - share) + end[:, None] * share
    return points.reshape(-1, 2)


def _disc() -> Contours:
    return (_circle(1.0),)


def _ring() -> Contours:
    return _circle(1.0), _circle(0.55)


def _star() -> Contours:
    angle = np.arange(10) * (np.pi / 5) - np.pi / 2
    radius = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
    return (_dense(list(zip(radius * np.cos(angle), radius * np.sin(angle), strict=True))),)


def _crescent() -> Contours:
    """The unit disc less a disc of the same radius: both arcs end at the discs' intersections."""
    shift = 0.62
    tip = np.arccos(shift / 2.0)
    outer = np.linspace(tip, 2.0 * np.pi - tip, _POINTS // 2)
    inner = np.linspace(np.pi + tip, np.pi - tip, _POINTS // 2)[1:-1]
    far = np.stack([np.cos(outer), np.sin(outer)], axis=1)
    near = np.stack([shift + np.cos(inner), np.sin(inner)], axis=1)
    return (np.concatenate([far, near]) + np.array([0.3, 0.0]),)


def _cross() -> Contours:
    a, b = 0.27, 0.95
    corners = [(a, a), (b, a), (b, -a), (a, -a), (a, -b), (-a, -b)]
    return (_dense(corners + [(-x, -y) for x, y in corners]),)


def _bar() -> Contours:
    return (_dense([(-1.0, -0.19), (1.0, -0.19), (1.0, 0.19), (-1.0, 0.19)]),)


def _triangle() -> Contours:
    return (_dense([(0.0, -1.0), (0.87, 0.5), (-0.87, 0.5)]),)


def _heart() -> Contours:
    angle = np.arange(_POINTS) * (2.0 * np.pi / _POINTS)
    x = 16.0 * np.sin(angle) ** 3
    y = -(13.0 * np.cos(angle) - 5.0 * np.cos(2 * angle) - 2.0 * np.cos(3 * angle))
    return (np.stack([x, y + np.cos(4 * angle) - 1.0], axis=1),)


_OUTLINES: dict[str, Callable[[], Contours]] = {
    "disc": _disc,
    "ring": _ring,
    "star": _star,
    "crescent": _crescent,
    "cross": _cross,
    "bar": _bar,
    "triangle": _triangle,
    "heart": _heart,
}
