import dataclasses
from collections import Counter

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from sgnet.data.shapes.annotations import TrackAnnotation, annotate_scene
from sgnet.data.shapes.masks import full_mask, visible_masks
from sgnet.data.shapes.sampling import sample_scene, video_generator
from sgnet.data.shapes.scene import Scene
from sgnet.data.shapes.spec import CATEGORY_NAMES, SHAPES_SMALL, ShapesSpec

Sample = list[tuple[Scene, list[TrackAnnotation]]]


@pytest.fixture(scope="module")
def sample() -> Sample:
    scenes = [sample_scene(SHAPES_SMALL, video_generator(0, "train", k)) for k in range(60)]
    return [(scene, annotate_scene(scene, SHAPES_SMALL.min_visible_area)) for scene in scenes]


def presence(track: TrackAnnotation) -> np.ndarray:
    return np.array([area is not None for area in track.areas])


def test_lengths_are_within_the_spec(sample: Sample) -> None:
    lengths = [scene.length for scene, _ in sample]
    assert min(lengths) >= 12
    assert max(lengths) <= 20
    assert len(set(lengths)) > 4


def test_every_category_occurs_about_equally_often(sample: Sample) -> None:
    counts = Counter(track.category_id for _, tracks in sample for track in tracks)
    assert sorted(counts) == list(range(1, len(CATEGORY_NAMES) + 1))
    assert max(counts.values()) < 4 * min(counts.values())


def test_most_videos_have_two_to_five_objects_and_some_many(sample: Sample) -> None:
    counts = np.array([len(tracks) for _, tracks in sample])
    assert ((counts >= 2) & (counts <= 5)).mean() > 0.6
    assert counts.max() >= 8
    assert (counts > 6).mean() < 0.2


def test_some_objects_enter_leave_and_come_back(sample: Sample) -> None:
    seen = [presence(track) for _, tracks in sample for track in tracks]
    assert any(not present[0] and present[-1] for present in seen)
    assert any(present[0] and not present[-1] for present in seen)
    spans = [present[present.argmax() : len(present) - present[::-1].argmax()] for present in seen]
    assert any(not span.all() for span in spans)


def test_some_frames_have_no_object(sample: Sample) -> None:
    counts = [sum(presence(track).astype(int) for track in tracks) for _, tracks in sample]
    empty = np.mean([np.mean(np.asarray(count) == 0) for count in counts])
    assert 0.005 < empty < 0.15


def test_some_objects_are_hidden_by_others_and_few_heavily(sample: Sample) -> None:
    shares = []
    for scene, _ in sample[:30]:
        frame = scene.length // 2
        for index, mask in enumerate(visible_masks(scene, frame)):
            whole = full_mask(scene, index, frame).sum()
            if whole:
                shares.append(1 - mask.sum() / whole)
    hidden = np.array(shares)
    assert 0.08 < (hidden > 0.05).mean() < 0.5
    assert 0.0 < (hidden > 0.5).mean() < 0.2


def test_some_videos_have_lookalikes_of_one_category_and_texture(sample: Sample) -> None:
    pairs = [
        Counter((item.category, item.texture_seed) for item in scene.objects) for scene, _ in sample
    ]
    share = np.mean([max(pair.values()) > 1 for pair in pairs])
    assert 0.15 < share < 0.6


def test_sizes_are_mostly_moderate(sample: Sample) -> None:
    sides = np.array(
        [max(box[2:]) for _, tracks in sample for t in tracks for box in t.bboxes if box]
    )
    relative = sides / SHAPES_SMALL.height
    assert 0.2 < np.median(relative) < 0.45
    assert (relative < 0.1).mean() < 0.1
    assert relative.max() < 0.95


def test_objects_scale_turn_deform_and_move_with_the_camera(sample: Sample) -> None:
    items = [item for scene, _ in sample for item in scene.objects if item.category is not None]
    assert any(np.ptp(item.log_radius.knots) > 0.2 for item in items)
    assert any(np.ptp(item.angle.knots) > 0.8 for item in items)
    assert all(item.wobble.amplitudes.sum() > 0 for item in items)
    scenes = [scene for scene, _ in sample]
    assert 0.3 < np.mean([np.ptp(scene.camera.pan.knots) > 0 for scene in scenes]) < 0.85
    assert any(scene.camera.shake.knots.any() for scene in scenes)
    assert any(scene.camera.log_zoom.knots.any() for scene in scenes)
    assert any(np.ptp(scene.gain.knots) > 0.1 for scene in scenes)


def test_every_rare_kind_of_video_occurs(sample: Sample) -> None:
    kinds = Counter(scene.scenario for scene, _ in sample)
    assert set(kinds) == {"ordinary", "crowd", "fast", "empty"}
    assert kinds["ordinary"] > 30
    assert any(scene.camouflage for scene, _ in sample)
    assert any(item.category is None for scene, _ in sample for item in scene.objects)


def test_boxes_areas_and_sizes_fit_the_masks(sample: Sample) -> None:
    for scene, tracks in sample[:20]:
        for track in tracks:
            assert len(track.segmentations) == len(track.bboxes) == len(track.areas) == scene.length
            for segmentation, box, area in zip(
                track.segmentations, track.bboxes, track.areas, strict=True
            ):
                assert (segmentation is None) == (box is None) == (area is None)
                if segmentation is not None:
                    assert segmentation["size"] == [scene.height, scene.width]
                    assert coco_mask.toBbox(segmentation).tolist() == box
                    assert coco_mask.area(segmentation) == area
                    assert area >= SHAPES_SMALL.min_visible_area


def test_splits_of_one_seed_differ() -> None:
    train, val = (sample_scene(SHAPES_SMALL, video_generator(0, s, 0)) for s in ("train", "val"))
    assert train.pixel_seed != val.pixel_seed


def test_scene_without_visible_objects_has_no_tracks() -> None:
    scene = sample_scene(ShapesSpec(), video_generator(0, "train", 0))
    assert annotate_scene(scene, min_visible_area=1e9) == []
    assert annotate_scene(dataclasses.replace(scene, objects=()), 1.0) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"width": 8}, "at least 32 x 32"),
        ({"min_frames": 9, "max_frames": 8}, "min_frames <= max_frames"),
        ({"min_objects": 0}, "min_objects"),
        ({"crowd_share": 1.5}, "crowd_share must be within"),
        ({"max_speed": -1.0}, "max_speed"),
        ({"jpeg_quality": 0}, "jpeg_quality"),
    ],
)
def test_bad_spec_is_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ShapesSpec(**settings)


def test_upright_frames_show_objects_of_the_same_size_and_speed() -> None:
    upright = dataclasses.replace(
        SHAPES_SMALL, width=SHAPES_SMALL.height, height=SHAPES_SMALL.width
    )
    moves: dict[str, list[float]] = {"landscape": [], "upright": []}
    for k in range(40):
        pair = [
            sample_scene(spec, video_generator(0, "val", k)) for spec in (SHAPES_SMALL, upright)
        ]
        assert (pair[1].width, pair[1].height) == (pair[0].height, pair[0].width)
        radii = [[o.log_radius.at(0.5).item() for o in s.objects if o.category] for s in pair]
        np.testing.assert_allclose(*radii)
        for name, scene in zip(moves, pair, strict=True):
            for item in scene.objects:
                steps = np.diff([item.position.at(t) for t in np.linspace(0, 1, 12)], axis=0)
                moves[name] += np.hypot(*steps.T).tolist()
    landscape, turned = (np.median(values) for values in moves.values())
    assert 0.8 < turned / landscape < 1.25
