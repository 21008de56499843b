import cv2
import numpy as np
import pytest

from sgnet.data.shapes.masks import bounding_rectangle, coverage
from sgnet.data.shapes.outlines import unit_outline
from sgnet.data.shapes.spec import CATEGORY_NAMES

SIZE = 200
RADIUS = 80.0

# By hand, for the outlines whose area is a short formula: a star is ten triangles.
AREA_OVER_SQUARED_RADIUS = {
    "disc": np.pi,
    "ring": np.pi * (1 - 0.55**2),
    "star": 10 * 0.5 * 0.42 * np.sin(np.pi / 5),
    "bar": 2.0 * 0.38 / (1.0 + 0.19**2),
    "triangle": 0.5 * 1.74 * 1.5 / 1.0069,
    "cross": (2 * 1.9 * 0.54 - 0.54**2) / (0.95**2 + 0.27**2),
}


def fill(category: str) -> np.ndarray:
    contours = tuple(RADIUS * points + SIZE / 2 for points in unit_outline(category))
    rectangle = bounding_rectangle(contours, SIZE, SIZE)
    assert rectangle is not None
    mask = np.zeros((SIZE, SIZE), dtype=np.uint8)
    mask[rectangle.window] = coverage(contours, rectangle) >= 2
    return mask


def test_unknown_category_is_refused() -> None:
    with pytest.raises(ValueError, match="category must be one of"):
        unit_outline("hexagon")


@pytest.mark.parametrize("category", CATEGORY_NAMES)
def test_farthest_vertex_lies_on_the_unit_circle(category: str) -> None:
    vertices = np.concatenate(unit_outline(category))
    assert np.linalg.norm(vertices, axis=1).max() == pytest.approx(1.0)


@pytest.mark.parametrize(("category", "area"), AREA_OVER_SQUARED_RADIUS.items())
def test_area_matches_the_formula(category: str, area: float) -> None:
    assert fill(category).sum() == pytest.approx(area * RADIUS**2, rel=0.03)


@pytest.mark.parametrize("category", CATEGORY_NAMES)
def test_only_the_ring_has_a_hole(category: str) -> None:
    outlines, hierarchy = cv2.findContours(fill(category), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    holes = (hierarchy.reshape(-1, 4)[:, 3] >= 0).sum()
    assert len(outlines) - holes == 1
    assert holes == (category == "ring")


def test_no_two_categories_look_alike_under_any_rotation() -> None:
    """The best overlap over rotations of two different categories stays below 0.82."""
    masks = {name: fill(name) for name in CATEGORY_NAMES}
    centre = (SIZE / 2 - 0.5, SIZE / 2 - 0.5)
    turns = [cv2.getRotationMatrix2D(centre, angle, 1.0) for angle in range(0, 360, 12)]
    for first in CATEGORY_NAMES:
        turned = [cv2.warpAffine(masks[first], turn, (SIZE, SIZE)) > 0 for turn in turns]
        for second in CATEGORY_NAMES:
            if first == second:
                continue
            other = masks[second] > 0
            best = max((mask & other).sum() / (mask | other).sum() for mask in turned)
            assert best < 0.82, f"{first} and {second} overlap by {best:.2f}"
