import dataclasses
import hashlib
import json

import numpy as np

from sgnet.data.shapes.annotations import annotate_scene
from sgnet.data.shapes.masks import visible_masks
from sgnet.data.shapes.rendering import SceneRenderer
from sgnet.data.shapes.sampling import sample_scene, video_generator
from sgnet.data.shapes.spec import ShapesSpec

TINY = ShapesSpec(width=64, height=48, min_objects=3)
# Frames before JPEG and annotations of one video; changes only with GENERATOR_VERSION.
TINY_SHA256 = "7e3df6e85009d14bcaf16abcf436b4d385e07c850a8a6b6d7f5cdc6dd36d2811"


def test_frames_and_annotations_of_a_seed_never_change() -> None:
    scene = sample_scene(TINY, video_generator(0, "train", 0))
    renderer = SceneRenderer(scene)
    digest = hashlib.sha256()
    for number in range(scene.length):
        digest.update(renderer.frame(number).tobytes())
    tracks = annotate_scene(scene, TINY.min_visible_area)
    digest.update(json.dumps([dataclasses.asdict(track) for track in tracks]).encode())
    assert digest.hexdigest() == TINY_SHA256


def test_frames_do_not_depend_on_the_order_they_are_drawn_in() -> None:
    scene = sample_scene(TINY, video_generator(1, "train", 0))
    first, second = SceneRenderer(scene), SceneRenderer(scene)
    second.frame(5)
    np.testing.assert_array_equal(first.frame(2), second.frame(2))


def test_picture_differs_from_the_empty_scene_where_the_masks_are() -> None:
    """With little blur and no noise the changed pixels are the masks and a soft edge."""
    spec = ShapesSpec(crowd_share=0, fast_share=0, empty_share=0, occluder_share=0, max_speed=0)
    sampled = sample_scene(spec, video_generator(2, "train", 3))
    scene = dataclasses.replace(sampled, noise=0.0)
    with_objects = SceneRenderer(scene).frame(6).astype(int)
    without = SceneRenderer(dataclasses.replace(scene, objects=())).frame(6).astype(int)
    changed = np.abs(with_objects - without).max(axis=2) > 25
    mask = np.max(visible_masks(scene, 6), axis=0) > 0
    assert mask.any()
    assert (changed & mask).sum() / (changed | mask).sum() > 0.85


def test_scene_without_objects_is_drawn() -> None:
    scene = sample_scene(TINY, video_generator(0, "train", 0))
    frame = SceneRenderer(dataclasses.replace(scene, objects=())).frame(0)
    assert frame.shape == (48, 64, 3)
    assert frame.dtype == np.uint8


def test_objects_of_one_texture_seed_look_the_same() -> None:
    scene = sample_scene(TINY, video_generator(0, "train", 0))
    twins = tuple(dataclasses.replace(item, texture_seed=5) for item in scene.objects[:2])
    first, second = SceneRenderer(dataclasses.replace(scene, objects=twins))._textures
    np.testing.assert_array_equal(first, second)
