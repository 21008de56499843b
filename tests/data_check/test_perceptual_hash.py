from __future__ import annotations

import cv2
import numpy as np
import pytest
from data_sets import picture

from sgnet.data_check.perceptual_hash import (
    NEAR,
    _bit_counts,
    alike_pairs,
    perceptual_hash,
    sampled_frames,
)


def re_encoded(image, scale, quality):
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_image_of_one_colour_has_no_hash(level):
    assert perceptual_hash(np.full((40, 60, 3), level, np.uint8)) is None


@pytest.mark.parametrize(("scale", "quality"), [(1.0, 95), (0.5, 60), (2.0, 30)])
def test_copies_are_near_and_other_pictures_are_far(scale, quality):
    hashes = [perceptual_hash(picture(seed, 0, 320, 200)) for seed in range(12)]
    copies = [
        perceptual_hash(re_encoded(picture(seed, 0, 320, 200), scale, quality))
        for seed in range(12)
    ]
    for i, one in enumerate(hashes):
        for j, other in enumerate(copies):
            assert ((one ^ other).bit_count() <= NEAR) == (i == j)


def test_bits_are_counted_as_python_counts_them():
    values = np.random.default_rng(0).integers(0, 2**64, 200, dtype=np.uint64)
    assert _bit_counts(values).tolist() == [int(v).bit_count() for v in values]


@pytest.mark.parametrize(
    ("length", "expected"),
    [(0, []), (1, [0]), (3, [0, 1, 2]), (8, list(range(8))), (16, list(range(1, 16, 2)))],
)
def test_sampled_frames_are_evenly_spread(length, expected):
    assert sampled_frames(length) == expected


def flip(value: int, bits: int) -> int:
    return value ^ ((1 << bits) - 1)


def test_nothing_is_alike_among_no_videos():
    assert alike_pairs([]) == []
    assert alike_pairs([(), (None,)]) == []
    assert alike_pairs([(5,)], []) == []


def test_videos_are_alike_where_half_of_the_frames_are():
    a, b, c, d = (int(v) for v in np.random.default_rng(1).integers(0, 2**64, 4, dtype=np.uint64))
    videos = [
        (a, b, c, d),
        (flip(a, NEAR), flip(d, 3), None, None),
        (flip(b, 1), ~c % 2**64) * 4,
    ]  # 2: one frame
    assert alike_pairs(videos) == [(0, 1, 0.5)]
    assert alike_pairs(videos[:1], [(flip(a, NEAR + 1), flip(b, 20))]) == []
    assert alike_pairs(videos[:1], [(1, 2), (a, 7)]) == [(0, 1, 0.5)]
