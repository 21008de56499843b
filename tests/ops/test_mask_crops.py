"""Masks as crops against full-size masks, torch's interpolation and pycocotools."""

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask
from torch.nn import functional as F

from sgnet.ops.mask_crops import MaskCrop, axis_interpolation, encode_crops, encode_upsampled
from sgnet.ops.rle import decode, is_background
from sgnet.records import BaseCrop


def full_mask(crop: MaskCrop, height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), dtype=np.uint8)
    h, w = crop.mask.shape
    mask[crop.top : crop.top + h, crop.left : crop.left + w] = crop.mask
    return mask


def coco_counts(mask: np.ndarray) -> bytes:
    return coco_mask.encode(np.asfortranarray(mask))["counts"]


def random_crop(random: np.random.Generator, height: int, width: int) -> MaskCrop:
    top, left = int(random.integers(0, height)), int(random.integers(0, width))
    h = int(random.integers(0, height - top + 1))
    w = int(random.integers(0, width - left + 1))
    return MaskCrop(top, left, random.random((h, w)) < random.choice([0.0, 0.1, 0.9, 1.0]))


def test_no_crop_gives_no_encoding():
    assert encode_crops([], 4, 4) == []


@pytest.mark.parametrize("seed", range(20))
def test_encoding_equals_pycocotools_on_the_full_masks(seed):
    random = np.random.default_rng(seed)
    height, width = int(random.integers(1, 40)), int(random.integers(1, 40))
    crops = [random_crop(random, height, width) for _ in range(12)]
    encoded = encode_crops(crops, height, width)
    assert [r.counts for r in encoded] == [coco_counts(full_mask(c, height, width)) for c in crops]


@pytest.mark.parametrize("size", [(360, 640), (1080, 1920), (4000, 3000)])
def test_encoding_of_large_frames_equals_pycocotools(size):
    shape = (size[0] - 1, size[1] // 2)
    disc = np.hypot(*np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]) < 0.9
    crops = [MaskCrop(0, 0, np.ones(size, dtype=bool)), MaskCrop(1, 3, disc)]
    encoded = encode_crops(crops, *size)
    assert [r.counts for r in encoded] == [coco_counts(full_mask(c, *size)) for c in crops]


@pytest.mark.parametrize("crop", [(-1, 0, 2, 2), (0, 3, 2, 2), (3, 0, 2, 2)])
def test_a_crop_outside_of_the_frame_is_an_error(crop):
    top, left, h, w = crop
    with pytest.raises(ValueError, match="crop 0 must lie inside of 4 x 4"):
        encode_crops([MaskCrop(top, left, np.ones((h, w), dtype=bool))], 4, 4)


@pytest.mark.parametrize(
    ("source", "target"), [(1, 1), (1, 7), (5, 5), (72, 144), (45, 100), (9, 4)]
)
def test_axis_table_equals_torch(source, target):
    values = np.random.default_rng(0).random(source).astype(np.float32)
    table = axis_interpolation(source, target)
    ours = table.matrix @ values
    for weights, low, high in zip(table.matrix, table.low, table.high, strict=True):
        assert set(np.flatnonzero(weights)) <= {low, high}
    theirs = F.interpolate(
        torch.from_numpy(values)[None, None, :, None], size=(target, 1), mode="bilinear"
    )
    np.testing.assert_allclose(ours, theirs.flatten().numpy(), atol=1e-6)


def random_base_crop(random: np.random.Generator, height: int, width: int) -> BaseCrop:
    top, left = int(random.integers(0, height)), int(random.integers(0, width))
    h = int(random.integers(0, height - top + 1))
    w = int(random.integers(0, width - left + 1))
    noise = random.random((h, w)).astype(np.float32)
    return BaseCrop(top, left, noise ** random.choice([0.05, 1, 20]))  # full, mixed, empty


def assert_as_upsampled_whole(crops: list[BaseCrop], size: tuple[int, int], target):
    encoded = encode_upsampled(crops, size, target)
    assert len(encoded) == len(crops)
    for crop, rle in zip(crops, encoded, strict=True):
        whole = np.zeros(size, dtype=np.float32)
        h, w = crop.probabilities.shape
        whole[crop.top : crop.top + h, crop.left : crop.left + w] = crop.probabilities
        dense = F.interpolate(torch.from_numpy(whole)[None, None], size=target, mode="bilinear")
        sure = (dense[0, 0] - 0.5).abs().numpy() > 1e-6
        mask = decode(rle)
        np.testing.assert_array_equal(mask[sure], (dense[0, 0].numpy() > 0.5)[sure])
        assert rle.counts == coco_counts(mask)  # the one way to write it
        assert is_background(rle) == (not mask.any())


@pytest.mark.parametrize("target", [(72, 128), (144, 256), (97, 205), (40, 60), (300, 600)])
@pytest.mark.parametrize("box", [(0, 0, 0, 0), (0, 0, 72, 128), (10, 20, 9, 1), (60, 100, 12, 28)])
def test_an_upsampled_crop_equals_upsampling_the_whole_map(target, box):
    top, left, h, w = box
    probabilities = np.random.default_rng(h).random((h, w)).astype(np.float32)
    assert_as_upsampled_whole([BaseCrop(top, left, probabilities)], (72, 128), target)


@pytest.mark.parametrize("seed", range(30))
def test_upsampled_crops_equal_upsampling_whole_maps(seed):
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 30)), int(random.integers(1, 30))
    target = tuple(int(n) for n in random.integers(1, 90, 2))
    crops = [random_base_crop(random, *size) for _ in range(12)]
    assert_as_upsampled_whole(crops, size, target)


def test_no_crop_gives_no_upsampled_mask():
    assert encode_upsampled([], (4, 4), (8, 8)) == []


@pytest.mark.parametrize(("source", "target"), [(0, 4), (4, 0)])
def test_axis_without_samples_is_an_error(source, target):
    with pytest.raises(ValueError, match="lengths must be at least 1"):
        axis_interpolation(source, target)


@pytest.mark.parametrize("factor", [0.75, 1, 4 / 3, 1.5, 2, 3, 4])
def test_masks_of_results_keep_their_centre_in_frames_of_any_size(factor):
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:72, :128] + 0.5
    size = (round(72 * factor), round(128 * factor))
    shifts = []
    for x, y, radius in random.uniform(0, 1, (60, 3)) * (8, 8, 6) + (60, 30, 8):
        distance = radius - np.hypot(columns - x, rows - y)
        disc = np.clip(distance + 0.5, 0, 1).astype(np.float32)  # the share that it covers
        (rle,) = encode_upsampled([BaseCrop(0, 0, disc)], (72, 128), size)
        found = np.argwhere(decode(rle)).mean(axis=0) + 0.5
        shifts.append(found * (72 / size[0], 128 / size[1]) - (y, x))
    assert np.abs(np.mean(shifts, axis=0)).max() < 0.025  # a pixel of the map is two of the input
