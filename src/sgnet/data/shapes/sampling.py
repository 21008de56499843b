"""Random scenes: which objects a video has, how they move and what makes it hard."""

import zlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sgnet.data.shapes.motion import (
    KNOTS,
    Arena,
    Behaviour,
    Curve,
    border_path,
    crossing_paths,
    wandering_path,
)
from sgnet.data.shapes.outlines import pillar_outline, unit_outline
from sgnet.data.shapes.scene import Camera, Scenario, Scene, SceneObject, Wobble
from sgnet.data.shapes.spec import CATEGORY_NAMES, ShapesSpec

FloatArray = NDArray[np.float64]

_STAY_SHARE = 0.64
_BORDER_BEHAVIOURS: tuple[Behaviour, ...] = ("enter", "leave", "return")
_START_TRIES = 8


def video_generator(seed: int, split: str, index: int) -> np.random.Generator:
    """The random stream of one video.

    Seed, split and index are separate words of the seed sequence, so that no two videos share a
    stream: train and validation are disjoint under the same seed, and a video does not depend on
    how many others are made or by how many workers.
    """
    sequence = np.random.SeedSequence([seed, zlib.crc32(split.encode()), index])
    return np.random.Generator(np.random.PCG64(sequence))


def sample_scene(spec: ShapesSpec, rng: np.random.Generator) -> Scene:
    """Draws one video's scene."""
    scenario = _sample_scenario(spec, rng)
    length = int(rng.integers(spec.min_frames, spec.max_frames + 1))
    objects = _sample_objects(spec, rng, scenario, length)
    if rng.random() < spec.occluder_share:
        objects.insert(int(rng.integers(len(objects) + 1)), _sample_pillar(spec, rng))
    return Scene(
        width=spec.width,
        height=spec.height,
        length=length,
        scenario=scenario,
        objects=tuple(objects),
        camera=_sample_camera(spec, rng, length),
        gain=_sample_gain(rng),
        vignette=float(rng.uniform(0.0, 0.35)),
        noise=float(rng.uniform(1.0, 4.0)),
        camouflage=bool(rng.random() < spec.camouflage_share),
        pixel_seed=int(rng.integers(2**62)),
    )


def _sample_scenario(spec: ShapesSpec, rng: np.random.Generator) -> Scenario:
    draw = rng.random()
    if draw < spec.crowd_share:
        return "crowd"
    if draw < spec.crowd_share + spec.fast_share:
        return "fast"
    if draw < spec.crowd_share + spec.fast_share + spec.empty_share:
        return "empty"
    return "ordinary"


@dataclass(frozen=True)
class _Draft:
    """What is drawn of an object before its path, so that two objects can share it."""

    category: int
    radius: float
    texture_seed: int


def _sample_objects(
    spec: ShapesSpec, rng: np.random.Generator, scenario: Scenario, length: int
) -> list[SceneObject]:
    """The labelled objects, back to front."""
    crowd = scenario == "crowd"
    low, high = (spec.min_crowd, spec.max_crowd) if crowd else (spec.min_objects, spec.max_objects)
    count = low + (int(rng.integers(2 * (high - low) + 1)) + 1) // 2  # the lowest half as often
    drafts = [_sample_draft(spec, rng, crowd) for _ in range(count)]
    if len(drafts) > 1 and rng.random() < spec.lookalike_share:
        drafts[1] = replace(drafts[0], radius=drafts[0].radius * rng.uniform(0.85, 1.18))
    arenas = [_sample_arena(spec, rng, draft, scenario, length) for draft in drafts]
    behaviours = _sample_behaviours(rng, scenario, len(drafts))
    paths = _sample_paths(rng, arenas, behaviours)
    if len(drafts) > 1 and scenario != "empty" and rng.random() < spec.crossing_share:
        behaviours[:2] = ["stay", "stay"]
        paths[0], paths[1] = crossing_paths(rng, arenas[0], arenas[1])
    objects = [
        _sample_object(rng, draft, behaviour, path)
        for draft, behaviour, path in zip(drafts, behaviours, paths, strict=True)
    ]
    return [objects[k] for k in rng.permutation(len(objects))]


def _sample_draft(spec: ShapesSpec, rng: np.random.Generator, crowd: bool) -> _Draft:
    small = rng.random() < spec.small_share
    smallest = 0.5 * spec.min_diameter if crowd or small else spec.min_diameter
    usual = 0.5 * spec.max_diameter if crowd else spec.max_diameter
    largest = spec.min_diameter if small else usual
    diameter = np.exp(rng.uniform(np.log(smallest), np.log(largest))) * spec.shorter_side
    category = int(rng.integers(len(CATEGORY_NAMES)))
    return _Draft(category, float(diameter / 2.0), int(rng.integers(2**62)))


def _sample_arena(
    spec: ShapesSpec, rng: np.random.Generator, draft: _Draft, scenario: Scenario, length: int
) -> Arena:
    """Frame and speed: mostly slow, squared so that few objects come near the limit."""
    if scenario == "fast":
        speed = spec.max_speed * rng.uniform(0.6, 1.0)
    else:
        speed = 0.5 * spec.max_speed * rng.uniform(0.0, 1.0) ** 1.5
    step = speed * spec.longer_side * (length - 1) / (KNOTS - 1)
    return Arena(spec.width, spec.height, float(step), draft.radius)


def _sample_behaviours(rng: np.random.Generator, scenario: Scenario, count: int) -> list[Behaviour]:
    if scenario == "empty":
        together = _BORDER_BEHAVIOURS[int(rng.integers(3))]
        return [together] * count
    return [
        "stay" if rng.random() < _STAY_SHARE else _BORDER_BEHAVIOURS[int(rng.integers(3))]
        for _ in range(count)
    ]


def _sample_paths(
    rng: np.random.Generator, arenas: list[Arena], behaviours: list[Behaviour]
) -> list[FloatArray]:
    """Knots of all paths; objects that stay start away from one another."""
    starts: list[FloatArray] = []
    paths = []
    for arena, behaviour in zip(arenas, behaviours, strict=True):
        if behaviour != "stay":
            paths.append(border_path(rng, arena, behaviour))
            continue
        starts.append(_sample_start(rng, arena, starts))
        paths.append(wandering_path(rng, arena, starts[-1]))
    return paths


def _sample_start(rng: np.random.Generator, arena: Arena, taken: list[FloatArray]) -> FloatArray:
    """The one of a few random points [2] that is farthest from the points taken."""
    size = np.array([arena.width, arena.height], dtype=np.float64)
    candidates: FloatArray = rng.uniform(0.12, 0.88, (_START_TRIES, 2)) * size
    nearest = np.full(_START_TRIES, np.inf)
    for point in taken:
        nearest = np.minimum(nearest, np.sum((candidates - point) ** 2, axis=1))
    start: FloatArray = candidates[np.argmax(nearest)].copy()
    return start


def _sample_object(
    rng: np.random.Generator, draft: _Draft, behaviour: Behaviour, path: FloatArray
) -> SceneObject:
    growth = np.cumsum(rng.uniform(-0.12, 0.12, (KNOTS, 1)), axis=0)
    spin = rng.uniform(-1.0, 1.0) * rng.uniform(0.0, 0.5)
    turns = rng.uniform(0.0, 2.0 * np.pi) + np.cumsum(
        spin + rng.uniform(-0.1, 0.1, (KNOTS, 1)), axis=0
    )
    return SceneObject(
        category=draft.category,
        behaviour=behaviour,
        contours=unit_outline(CATEGORY_NAMES[draft.category]),
        position=Curve(path),
        log_radius=Curve(np.log(draft.radius) + growth - growth.mean()),
        angle=Curve(turns),
        stretch=float(np.sqrt(rng.uniform(0.85, 1.18))),
        wobble=_sample_wobble(rng, 1.0),
        texture_seed=draft.texture_seed,
    )


def _sample_wobble(rng: np.random.Generator, strength: float) -> Wobble:
    limits = strength * np.array([0.08, 0.06, 0.03])
    return Wobble(
        amplitudes=limits * rng.uniform(0.2, 1.0, 3),
        phases=rng.uniform(0.0, 2.0 * np.pi, 3),
        speeds=rng.uniform(-1.0, 1.0, 3) * 2.0 * np.pi,
    )


def _sample_pillar(spec: ShapesSpec, rng: np.random.Generator) -> SceneObject:
    """A ragged band from top to bottom, fixed in the world, with the pixel as its unit."""
    position = np.array([rng.uniform(0.2, 0.8) * spec.width, spec.height / 2.0])
    half_width = rng.uniform(0.025, 0.055) * spec.longer_side
    return SceneObject(
        category=None,
        behaviour="stay",
        contours=pillar_outline(rng, half_width, 1.2 * spec.height),
        position=Curve(np.tile(position, (2, 1))),
        log_radius=Curve(np.zeros((2, 1))),
        angle=Curve(np.full((2, 1), rng.uniform(-0.15, 0.15))),
        stretch=1.0,
        wobble=_sample_wobble(rng, 0.0),
        texture_seed=int(rng.integers(2**62)),
    )


def _sample_camera(spec: ShapesSpec, rng: np.random.Generator, length: int) -> Camera:
    moving = float(rng.random() < spec.camera_share)
    size = np.array([spec.width, spec.height], dtype=np.float64)
    pan = np.cumsum(rng.uniform(-0.05, 0.05, (KNOTS, 2)), axis=0)
    pan = np.clip(pan - pan.mean(axis=0), -0.1, 0.1) * size
    zoom = np.clip(np.cumsum(rng.uniform(-0.08, 0.08, (KNOTS, 1)), axis=0), -0.1, 0.2)
    shaking = moving * float(rng.random() < 0.5)
    shake = rng.uniform(-1.0, 1.0, (length, 2)) * rng.uniform(0.3, 1.5) * spec.pixel_scale
    return Camera(Curve(moving * pan), Curve(moving * zoom), Curve(shaking * shake))


def _sample_gain(rng: np.random.Generator) -> Curve:
    brightness = rng.uniform(0.8, 1.15) + np.cumsum(rng.uniform(-0.05, 0.05, (KNOTS, 1)), axis=0)
    tint = 1.0 + np.cumsum(rng.uniform(-0.02, 0.02, (KNOTS, 3)), axis=0)
    return Curve(np.clip(brightness * tint, 0.55, 1.35))
