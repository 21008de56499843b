"""Random two-colour textures; objects and backgrounds draw from the same families."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ByteArray = NDArray[np.uint8]

_GRAIN = 0.12  # of the distance between the two colours
_SHADE = 0.25  # weight of a coarse unevenness over every family
_COLOUR_TRIES = 64


def background_texture(rng: np.random.Generator, height: int, width: int) -> ByteArray:
    """A background canvas [height, width, 3], uint8."""
    first = rng.uniform(20.0, 235.0, 3)
    second = _companion(rng, first)
    period = rng.uniform(0.08, 0.3) * height
    return _paint(rng, height, width, period, first, second)


def object_texture(
    rng: np.random.Generator, size: int, background_mean: FloatArray, min_distance: float
) -> ByteArray:
    """A square object texture whose mean colour keeps away from the background's.

    Args:
        rng: Source of family, colours and phase.
        size: Side in pixels.
        background_mean: Mean background colour [3], 0..255.
        min_distance: Wished Euclidean distance between the mean colours, 0..441; the farthest of
            64 draws is taken if none keeps it.

    Returns:
        Texture [size, size, 3], uint8.
    """
    best, best_distance = (np.zeros(3), np.zeros(3)), -1.0
    for _ in range(_COLOUR_TRIES):
        first = rng.uniform(20.0, 235.0, 3)
        second = _companion(rng, first)
        distance = float(np.sqrt(np.sum(((first + second) / 2.0 - background_mean) ** 2)))
        if distance > best_distance:
            best, best_distance = (first, second), distance
        if distance >= min_distance:
            break
    period = rng.uniform(0.12, 0.3) * size
    return _paint(rng, size, size, period, *best)


def _companion(rng: np.random.Generator, colour: FloatArray) -> FloatArray:
    """A second colour [3] that a texture mixes with the first."""
    companion: FloatArray = np.clip(colour + rng.uniform(-60.0, 60.0, 3), 10.0, 245.0)
    return companion


def _paint(
    rng: np.random.Generator,
    height: int,
    width: int,
    period: float,
    first: FloatArray,
    second: FloatArray,
) -> ByteArray:
    family = _FAMILIES[int(rng.integers(len(_FAMILIES)))]
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    angle = rng.uniform(0.0, 2.0 * np.pi)
    u = (x * np.cos(angle) + y * np.sin(angle)) / period + rng.uniform(0.0, 1.0)
    v = (y * np.cos(angle) - x * np.sin(angle)) / period + rng.uniform(0.0, 1.0)
    shade = _clouds(rng, 0.4 * v, 0.4 * u)
    mix = (1.0 - _SHADE) * family(rng, u, v) + _SHADE * shade
    mix = mix + _GRAIN * rng.uniform(-1.0, 1.0, (height, width))
    mix = np.clip(mix, 0.0, 1.0)[..., None]
    painted: ByteArray = np.rint(first * (1.0 - mix) + second * mix).astype(np.uint8)
    return painted


# Each family maps coordinates u, v [H, W] in periods to a mix of two colours [H, W] in 0..1.


def _stripes(rng: np.random.Generator, u: FloatArray, v: FloatArray) -> FloatArray:
    bend = rng.uniform(0.0, 0.4) * np.sin(v)
    stripes: FloatArray = np.clip(0.5 + 1.2 * np.sin(2.0 * np.pi * (u + bend)), 0.0, 1.0)
    return stripes


def _checker(rng: np.random.Generator, u: FloatArray, v: FloatArray) -> FloatArray:
    tiles = np.floor(1.4 * u) + np.floor(rng.uniform(1.0, 1.8) * v)
    checker: FloatArray = np.mod(tiles, 2.0)
    return checker


def _dots(rng: np.random.Generator, u: FloatArray, v: FloatArray) -> FloatArray:
    du, dv = np.mod(u, 1.0) - 0.5, np.mod(v, 1.0) - 0.5
    softness = np.sqrt(du * du + dv * dv) - rng.uniform(0.2, 0.36)
    dots: FloatArray = np.clip(0.5 - 8.0 * softness, 0.0, 1.0)
    return dots


def _clouds(rng: np.random.Generator, u: FloatArray, v: FloatArray) -> FloatArray:
    total = 0.65 * _value_noise(rng, 0.7 * u, 0.7 * v) + 0.35 * _value_noise(rng, 2 * u, 2 * v)
    clouds: FloatArray = np.clip(0.5 + 2.2 * (total - 0.5), 0.0, 1.0)
    return clouds


def _ramp(rng: np.random.Generator, u: FloatArray, v: FloatArray) -> FloatArray:
    low, high = float(u.min()), float(u.max())
    return (u - low) / (high - low) + 0.2 * (_value_noise(rng, u, v) - 0.5)


def _patches(rng: np.random.Generator, u: FloatArray, v: FloatArray) -> FloatArray:
    """Straight-edged patches: a lattice of random tones, skewed."""
    tones = rng.uniform(0.0, 1.0, (32, 32))
    rows = np.floor(v + rng.uniform(-0.5, 0.5) * u).astype(np.int64) & 31
    columns = np.floor(0.8 * u).astype(np.int64) & 31
    patches: FloatArray = tones[rows, columns]
    return patches


def _value_noise(rng: np.random.Generator, u: FloatArray, v: FloatArray) -> FloatArray:
    """Random lattice values, smoothly interpolated at u, v [H, W]."""
    lattice = rng.uniform(0.0, 1.0, (32, 32))
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    fu, fv = u - column, v - row
    fu, fv = fu * fu * (3.0 - 2.0 * fu), fv * fv * (3.0 - 2.0 * fv)
    left, right, top, bottom = column & 31, (column + 1) & 31, row & 31, (row + 1) & 31
    upper = lattice[top, left] * (1.0 - fu) + lattice[top, right] * fu
    lower = lattice[bottom, left] * (1.0 - fu) + lattice[bottom, right] * fu
    noise: FloatArray = upper * (1.0 - fv) + lower * fv
    return noise


_FAMILIES: tuple[Callable[[np.random.Generator, FloatArray, FloatArray], FloatArray], ...] = (
    _stripes,
    _checker,
    _dots,
    _clouds,
    _ramp,
    _patches,
)
