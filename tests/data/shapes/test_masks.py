import numpy as np
import pytest

from sgnet.data.shapes.masks import bounding_rectangle, coverage, full_mask, visible_masks
from sgnet.data.shapes.motion import Curve
from sgnet.data.shapes.outlines import unit_outline
from sgnet.data.shapes.sampling import sample_scene, video_generator
from sgnet.data.shapes.scene import Camera, Scene, SceneObject, Wobble
from sgnet.data.shapes.spec import CATEGORY_NAMES, ShapesSpec


def constant(*values: float) -> Curve:
    return Curve(np.tile(np.array(values, dtype=np.float64), (2, 1)))


def still_object(category: str, x: float, y: float, radius: float) -> SceneObject:
    return SceneObject(
        category=CATEGORY_NAMES.index(category),
        behaviour="stay",
        contours=unit_outline(category),
        position=constant(x, y),
        log_radius=constant(float(np.log(radius))),
        angle=constant(0.0),
        stretch=1.0,
        wobble=Wobble(np.zeros(1), np.zeros(1), np.zeros(1)),
        texture_seed=0,
    )


def still_scene(*objects: SceneObject) -> Scene:
    return Scene(
        width=120,
        height=90,
        length=2,
        scenario="ordinary",
        objects=objects,
        camera=Camera(constant(0.0, 0.0), constant(0.0), constant(0.0, 0.0)),
        gain=constant(1.0, 1.0, 1.0),
        vignette=0.0,
        noise=0.0,
        camouflage=False,
        pixel_seed=0,
    )


def disc_by_distance(x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[0:90, 0:120] + 0.5
    return np.hypot(columns - x, rows - y) <= radius


def test_scene_without_objects_has_no_masks() -> None:
    assert visible_masks(still_scene(), 0) == ()


def test_shape_outside_the_frame_has_no_rectangle() -> None:
    assert bounding_rectangle((np.array([[-9.0, 2.0], [-5.0, 2.0], [-7.0, 6.0]]),), 64, 64) is None


def test_coverage_of_a_square_on_the_pixel_grid_is_full_inside() -> None:
    square = (np.array([[2.0, 2.0], [6.0, 2.0], [6.0, 6.0], [2.0, 6.0]]),)
    rectangle = bounding_rectangle(square, 16, 16)
    assert rectangle is not None
    full = np.zeros((16, 16), dtype=np.uint8)
    full[rectangle.window] = coverage(square, rectangle)
    assert (full[2:6, 2:6] == 4).all()
    full[1:7, 1:7] = 0
    assert not full.any()


@pytest.mark.parametrize("radius", [6.0, 17.3, 30.0])
def test_disc_equals_the_pixels_within_its_radius(radius: float) -> None:
    x, y = 61.3, 44.2
    mask = full_mask(still_scene(still_object("disc", x, y, radius)), 0, 0) > 0
    assert not (disc_by_distance(x, y, radius - 0.75) & ~mask).any()
    assert not (mask & ~disc_by_distance(x, y, radius + 0.75)).any()
    assert mask.sum() == pytest.approx(np.pi * radius**2, rel=0.8 / radius)


def test_ring_is_open_in_the_middle() -> None:
    mask = full_mask(still_scene(still_object("ring", 60.0, 45.0, 30.0)), 0, 0)
    assert mask[45, 60] == 0
    assert mask[45, 60 + 23] == 1


def test_front_object_hides_the_one_behind_it() -> None:
    back, front = still_object("disc", 50.0, 45.0, 25.0), still_object("disc", 70.0, 45.0, 25.0)
    scene = still_scene(back, front)
    seen_back, seen_front = visible_masks(scene, 0)
    alone_back, alone_front = full_mask(scene, 0, 0), full_mask(scene, 1, 0)
    np.testing.assert_array_equal(seen_front, alone_front)
    np.testing.assert_array_equal(seen_back, alone_back & ~alone_front & 1)
    assert seen_back.sum() < alone_back.sum()


def test_visible_masks_are_disjoint_and_cover_the_union() -> None:
    for index in range(6):
        scene = sample_scene(ShapesSpec(crowd_share=0.5), video_generator(3, "train", index))
        total = np.sum(visible_masks(scene, 4), axis=0)
        assert total.max() <= 1
        union = np.max([full_mask(scene, k, 4) for k in range(len(scene.objects))], axis=0)
        np.testing.assert_array_equal(total, union)


def test_larger_frame_shows_the_same_scene() -> None:
    small, large = (
        sample_scene(ShapesSpec(width=w, height=h), video_generator(0, "train", 1))
        for w, h in ((256, 144), (512, 288))
    )
    for low, high in zip(visible_masks(small, 3), visible_masks(large, 3), strict=True):
        assert high.sum() == pytest.approx(4 * low.sum(), rel=0.15, abs=40)
