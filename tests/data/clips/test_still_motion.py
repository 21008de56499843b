"""Two views of a still: where things go, and that masks go with their pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sgnet.data.clips.raw_pairs import RawFrame, RawPair
from sgnet.data.clips.still_motion import StillMotion, view

CENTRE = np.array([0.5, 0.5])


def still(discs=((60, 40, 12), (100, 70, 9)), size=(120, 160)) -> RawPair:
    """White discs (x, y, radius) on black, which only their masks tell apart."""
    masks = []
    for x, y, radius in discs:
        mask = np.zeros(size, np.uint8)
        cv2.circle(mask, (x, y), radius, 1, -1)
        masks.append(mask)
    union = np.maximum.reduce([np.zeros(size, np.uint8), *masks])
    frame = RawFrame(
        np.repeat(union[..., None] * 255, 3, axis=2),
        tuple(range(len(masks))),
        tuple(range(5, 5 + len(masks))),
        tuple(masks),
    )
    return RawPair(frame, frame, "a/0.jpg", is_still=True)


def center(mask) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean(), rows.mean()])


def test_a_pair_of_a_video_stays_as_it_is():
    pair = still()
    video = RawPair(pair.key, pair.reference, "a", is_still=False)
    assert StillMotion()(video, np.random.default_rng(0)) is video


def test_a_still_without_objects_has_none():
    moved = StillMotion()(still(()), np.random.default_rng(0))
    assert moved.key.masks == moved.reference.masks == ()


@pytest.mark.parametrize("seed", range(8))
def test_masks_go_where_their_pixels_go(seed):
    moved = StillMotion(turn=0)(still(), np.random.default_rng(seed))
    for frame in (moved.key, moved.reference):
        union = np.maximum.reduce([np.zeros((120, 160), np.uint8), *frame.masks])
        seen = frame.image[..., 0] > 127
        outline = cv2.morphologyEx(union, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        assert not ((seen != union.astype(bool)) & (outline == 0)).any()


def test_a_window_shows_what_it_covers_at_the_whole_size():
    frame = still(((80, 60, 10),)).key
    half = view(frame, np.array([0.5, 0.5]), 0.5, 0.0)
    assert half.masks[0].sum() == pytest.approx(4 * frame.masks[0].sum(), rel=0.03)
    # 16 of 160 pixels to the right: the middle of the disc goes 16 / 0.5 pixels to the left
    right = view(frame, np.array([0.6, 0.5]), 0.5, 0.0)
    np.testing.assert_allclose(center(half.masks[0]) - center(right.masks[0]), [32, 0], atol=0.6)


def test_a_turned_window_turns_about_its_middle():
    frame = still(((80, 60, 10), (110, 60, 6))).key
    turned = view(frame, CENTRE, 0.8, 90.0)
    straight = view(frame, CENTRE, 0.8, 0.0)
    middle = np.array([79.5, 59.5])
    for before, after in zip(straight.masks, turned.masks, strict=True):
        x, y = center(before) - middle
        # anticlockwise as it is seen, y pointing down
        np.testing.assert_allclose(center(after) - middle, [y, -x], atol=0.05)


def test_objects_outside_of_the_window_are_gone():
    frame = still(((10, 10, 5), (120, 90, 8))).key
    seen = view(frame, np.array([0.75, 0.75]), 0.5, 0.0)
    assert seen.track_ids == (6,)
    assert seen.labels == (1,)


def test_motion_stays_within_its_limits_and_is_not_always_the_same():
    calm = StillMotion(window=(0.8, 0.8), shift=0.05, zoom=0, turn=0)
    found = []
    for seed in range(40):
        pair = calm(still(((80, 60, 10),)), np.random.default_rng(seed))
        found.append(center(pair.key.masks[0]) - center(pair.reference.masks[0]))
    steps = np.abs(found)
    assert (steps <= [0.05 * 160 / 0.8 + 1, 0.05 * 120 / 0.8 + 1]).all()
    assert np.std(found, axis=0).min() > 2


def test_the_same_seed_gives_the_same_views():
    one, same, other = (StillMotion()(still(), np.random.default_rng(s)) for s in (3, 3, 4))
    np.testing.assert_array_equal(one.key.image, same.key.image)
    assert (one.key.image != other.key.image).any()


@pytest.mark.parametrize("wrong", [{"window": (0.5, 1.2)}, {"shift": -0.1}, {"turn": 90}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StillMotion(**wrong)
