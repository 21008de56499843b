from __future__ import annotations

import json
import re
from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.data.clips.clip_pairs import (
    ClipPairDataset,
    FrameSample,
    SeededSampler,
    image_tensor,
)
from sgnet.data.clips.collate import collate_clip_pairs, movement_targets
from sgnet.data.clips.transforms import ClipPairTransform

HEIGHT, WIDTH, RADIUS = 72, 128, 12
CENTERS = [(40, 36), (47, 33), (54, 30), (61, 27)]
SHIFT = (7, -3)
GEOMETRY = [
    A.HorizontalFlip(p=0.5),
    A.RandomScale(scale_limit=(-0.25, 0.25), p=1.0),
    A.PadIfNeeded(min_height=HEIGHT, min_width=WIDTH),
    A.RandomCrop(height=HEIGHT, width=WIDTH),
    A.ColorJitter(p=1.0),
]


def disc(center: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return ((x - center[0]) ** 2 + (y - center[1]) ** 2 <= RADIUS**2).astype(np.uint8)


def encoded(mask: np.ndarray) -> dict[str, object]:
    rle = coco_mask.encode(np.asfortranarray(mask))
    return {"size": rle["size"], "counts": rle["counts"].decode()}


@pytest.fixture
def moving_disc(tmp_path: Path) -> tuple[Path, Path]:
    """A disc that moves by (7, -3) a frame, one that leaves after frame 1, and a crowd."""
    images = tmp_path / "JPEGImages"
    (images / "v").mkdir(parents=True)
    names = []
    for t, center in enumerate(CENTERS):
        frame = np.full((HEIGHT, WIDTH, 3), 60, dtype=np.uint8)
        frame[disc(center) > 0] = 220
        names.append(f"v/{t:05d}.png")
        cv2.imwrite(str(images / names[-1]), frame)
    moving = [encoded(disc(c)) for c in CENTERS]
    leaving = [encoded(disc((100, 50))), encoded(disc((100, 50))), None, None]
    annotations = [
        {"id": 5, "video_id": 3, "category_id": 8, "iscrowd": 0, "segmentations": moving},
        {"id": 9, "video_id": 3, "category_id": 2, "iscrowd": 0, "segmentations": leaving},
        {"id": 4, "video_id": 3, "category_id": 2, "iscrowd": 1, "segmentations": moving},
    ]
    content = {
        "videos": [{"id": 3, "width": WIDTH, "height": HEIGHT, "length": 4, "file_names": names}],
        "categories": [{"id": 2, "name": "ring"}, {"id": 8, "name": "disc"}],
        "annotations": annotations,
    }
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(content))
    return path, images


def dataset(paths, steps=(), **settings) -> ClipPairDataset:
    transform = ClipPairTransform((HEIGHT, WIDTH), list(steps))
    return ClipPairDataset(load_annotations(paths[0]), paths[1], transform, **settings)


def test_without_steps_the_pair_is_what_is_on_disk(moving_disc):
    pairs = dataset(moving_disc)
    assert len(pairs) == 3
    pair = pairs[0, 1]
    assert pair.name == "v/00001.png"
    assert pair.key.track_ids.tolist() == [5, 9]
    assert pair.key.labels.tolist() == [1, 0]
    x, y = CENTERS[1]
    box = [x - RADIUS, y - RADIUS, x + RADIUS + 1, y + RADIUS + 1]
    assert pair.key.boxes_xyxy[0].tolist() == box
    np.testing.assert_array_equal(pair.key.masks[0].numpy(), disc(CENTERS[1]))
    assert pair.key.image.shape == (3, HEIGHT, WIDTH)


@pytest.mark.parametrize("max_gap", [1, 3])
@pytest.mark.parametrize("scale", [0.75, 1.0, 1.25])
def test_the_movement_target_is_exact_after_augmentation(moving_disc, scale, max_gap):
    steps = [
        A.HorizontalFlip(p=0.5),
        A.RandomScale(scale_limit=(scale - 1, scale - 1), p=1.0),
        *GEOMETRY[2:],
    ]
    pairs = dataset(moving_disc, steps, max_gap=max_gap)
    checked = set()
    for seed in range(60):
        pair = pairs[2, seed]
        if not (_whole(pair.key) and _whole(pair.reference)):
            continue
        targets = collate_clip_pairs([pair]).key_targets
        row = targets.track_ids[0].tolist().index(5)
        dx, dy = targets.movements[0, row].tolist()
        gap = round(dy / (SHIFT[1] * scale))
        # masks lie on whole pixels, so a box side is off by at most half a pixel when scaled
        tolerance = 1e-6 if scale == 1.0 else 1.0
        assert abs(dx) == pytest.approx(SHIFT[0] * gap * scale, abs=tolerance)
        assert dy == pytest.approx(SHIFT[1] * gap * scale, abs=tolerance)
        checked.add((gap, dx > 0))
    assert checked == {(gap, side) for gap in range(1, max_gap + 1) for side in (True, False)}


def test_flip_and_crop_keep_the_movement_to_the_pixel(moving_disc):
    for steps, sign in (
        ([A.HorizontalFlip(p=1.0)], -1),
        ([A.Crop(8, 4, 120, 68), A.PadIfNeeded(HEIGHT, WIDTH)], 1),
    ):
        batch = collate_clip_pairs([dataset(moving_disc, steps)[2, 0]])
        assert batch.key_targets.movements[0, 0].tolist() == [sign * SHIFT[0], SHIFT[1]]
        assert batch.reference_targets.movements[0, 0].tolist() == [-sign * SHIFT[0], -SHIFT[1]]


def objects(*boxes: tuple[int, float, float, float, float]) -> FrameSample:
    """A frame of objects, each an id and its box."""
    rows = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 5)
    nothing = torch.zeros(len(rows), 8, 8, dtype=torch.uint8)
    ids = rows[:, 0].long()
    return FrameSample(torch.zeros(3, 8, 8), rows[:, 1:], torch.zeros_like(ids), ids, nothing)


def test_objects_move_from_where_their_id_was_whatever_the_order():
    key = objects((4, 0, 0, 2, 2), (7, 10, 10, 14, 14), (9, 20, 0, 24, 4))
    before = objects((9, 18, 1, 22, 5), (4, 1, 1, 3, 3))
    movements, in_both = movement_targets(key, before)
    assert movements.tolist() == [[-1, -1], [0, 0], [2, -1]]
    assert in_both.tolist() == [True, False, True]
    assert movement_targets(objects(), before)[0].shape == (0, 2)
    assert movement_targets(key, objects())[1].tolist() == [False] * 3


def test_planes_of_a_frame_are_red_green_and_blue():
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    planes = image_tensor(image)
    for channel, row, column in np.ndindex(3, 4, 5):
        assert planes[channel, row, column] == 15 * row + 3 * column + channel


def _whole(frame) -> bool:
    """Whether disc 5 is in the frame and does not touch its border."""
    if 5 not in frame.track_ids.tolist():
        return False
    x1, y1, x2, y2 = frame.boxes_xyxy[frame.track_ids.tolist().index(5)].tolist()
    return x1 > 0 and y1 > 0 and x2 < WIDTH and y2 < HEIGHT


def test_boxes_fit_the_transformed_masks(moving_disc):
    pairs = dataset(moving_disc, GEOMETRY)
    for seed in range(20):
        key = pairs[1, seed].key
        for box, mask in zip(key.boxes_xyxy.int().tolist(), key.masks, strict=True):
            rows, columns = mask.nonzero(as_tuple=True)
            expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert box == [int(v) for v in expected]


def test_objects_that_left_are_dropped_and_not_in_both(moving_disc):
    batch = collate_clip_pairs([dataset(moving_disc)[1, 0]])  # frames 2 and 1
    assert batch.key_targets.track_ids.tolist() == [[5]]
    assert batch.reference_targets.track_ids.tolist() == [[5, 9]]
    assert batch.reference_targets.in_both.tolist() == [[True, False]]
    assert batch.reference_targets.movements[0, 1].tolist() == [0.0, 0.0]
    cropped = dataset(moving_disc, [A.Crop(0, 0, 64, 72), A.PadIfNeeded(HEIGHT, WIDTH)])[0, 0]
    assert cropped.key.track_ids.tolist() == [5]


@pytest.mark.parametrize(("more", "expected"), [(0, [5, 9]), (1, [])])
def test_objects_of_fewer_pixels_than_the_least_area_are_dropped(moving_disc, more, expected):
    least = int(disc(CENTERS[1]).sum()) + more  # both discs have one size
    pair = dataset(moving_disc, min_area=least)[0, 0]
    assert pair.key.track_ids.tolist() == pair.reference.track_ids.tolist() == expected
    assert len(pair.key.masks) == len(pair.key.labels) == len(expected)


def test_a_batch_without_objects_is_padded_to_zero(moving_disc):
    empty = [A.Crop(0, 60, 8, 72), A.Resize(HEIGHT, WIDTH)]
    batch = collate_clip_pairs([dataset(moving_disc, empty)[0, 0]] * 2)
    assert batch.key_targets.boxes_xyxy.shape == (2, 0, 4)
    assert batch.key_targets.masks.shape == (0, HEIGHT, WIDTH)


def test_a_batch_pads_and_joins_both_directions(moving_disc):
    pairs = dataset(moving_disc)
    batch = collate_clip_pairs([pairs[0, 0], pairs[2, 0]])
    assert batch.key_targets.valid.tolist() == [[True, True], [True, False]]
    joined = batch.key_targets.joined(batch.reference_targets)
    assert joined.valid.sum() == joined.masks.shape[0] == 6
    assert batch.to(torch.device("cpu")).names == batch.names


def test_a_sample_depends_on_its_seed_alone(moving_disc):
    pairs = dataset(moving_disc, GEOMETRY, max_gap=3)
    first = pairs[2, 11]
    pairs[0, 5]
    again = dataset(moving_disc, GEOMETRY, max_gap=3)[2, 11]
    assert torch.equal(first.key.image, again.key.image)
    assert torch.equal(first.reference.masks, again.reference.masks)
    assert not torch.equal(first.key.image, pairs[2, 12].key.image)


def test_steps_that_end_at_another_size_are_refused(moving_disc):
    with pytest.raises(ValueError, match="must end at"):
        dataset(moving_disc, [A.Crop(0, 0, 64, 64)])[0, 0]


def test_missing_and_wrong_frames_are_named_and_their_pairs_replaced(moving_disc):
    def problem():
        pair = dataset(moving_disc)[0, 0]
        assert pair.name != "v/00001.png"
        return pair.replaced[0]

    frame = moving_disc[1] / "v/00001.png"
    cv2.imwrite(str(frame), np.zeros((10, 10, 3), np.uint8))
    assert re.search(r"00001.png.*\(72, 128\).*\(10, 10\)", problem())
    frame.write_bytes(b"no image")
    assert re.search(r"00001.png.*decoded", problem())
    frame.unlink()
    assert re.search(r"00001.png.*missing", problem())


def test_the_sampler_repeats_by_epoch_and_shares_out_by_rank():
    sampler = SeededSampler(10, seed=4, num_samples=24)
    first = list(sampler)
    assert list(sampler) == first
    assert sorted(i for i, _ in first[:10]) == list(range(10))
    sampler.set_epoch(1)
    assert list(sampler) != first
    shares = [
        list(SeededSampler(10, 4, num_samples=26, batch_size=3, rank=r, world_size=2))
        for r in (0, 1)
    ]
    first = list(SeededSampler(10, 4, num_samples=26))
    assert shares[0] == [*first[:3], *first[6:9], *first[12:15], *first[18:21]]
    assert shares[1] == [*first[3:6], *first[9:12], *first[15:18], *first[21:24]]


def test_held_out_videos_are_not_trained_on(moving_disc):
    assert len(dataset(moving_disc, videos=[])) == 0
    assert len(dataset(moving_disc, videos=[0])) == 3
