import numpy as np
import pytest

from sgnet.data.shapes.motion import Arena, Behaviour, Curve, border_path, crossing_paths

ARENA = Arena(width=256, height=144, step=12.0, radius=20.0)


def test_curve_passes_through_its_knots() -> None:
    knots = np.random.default_rng(0).normal(size=(6, 2))
    reached = [Curve(knots).at(k / 5) for k in range(6)]
    np.testing.assert_allclose(reached, knots, atol=1e-12)


def test_curve_of_two_knots_is_a_straight_line_at_its_middle() -> None:
    assert Curve(np.array([[0.0], [4.0]])).at(0.5) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("behaviour", "inside"),
    [
        ("enter", [0, 0, 1, 1, 1, 1]),
        ("leave", [1, 1, 1, 1, 0, 0]),
        ("return", [1, 1, 0, 0, 1, 1]),
    ],
)
def test_border_path_is_outside_when_its_name_says(behaviour: Behaviour, inside: list[int]) -> None:
    for seed in range(20):
        knots = border_path(np.random.default_rng(seed), ARENA, behaviour)
        within = ((knots > 0) & (knots < [ARENA.width, ARENA.height])).all(axis=1)
        assert within.astype(int).tolist() == inside


def test_crossing_paths_meet_in_the_middle_of_the_video() -> None:
    for seed in range(20):
        first, second = crossing_paths(np.random.default_rng(seed), ARENA, ARENA)
        times = np.linspace(0, 1, 21)
        gaps = [np.linalg.norm(Curve(first).at(t) - Curve(second).at(t)) for t in times]
        assert min(gaps) < ARENA.radius
        assert 0.25 < times[int(np.argmin(gaps))] < 0.75
