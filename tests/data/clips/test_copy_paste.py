"""Pasted objects: their pixels, what they hide, and that they move as they did."""

from __future__ import annotations

import numpy as np
import pytest

from sgnet.data.clips.copy_paste import ClipCopyPaste, PasteRules, Placement, pasted
from sgnet.data.clips.raw_pairs import RawFrame, RawPair

RED, GREEN = np.array([200, 0, 0]), np.array([0, 180, 0])


def frame(boxes, size=(60, 80), colour=RED, first_id=1) -> RawFrame:
    """Rectangles (left, top, right, bottom) of one colour on black."""
    image, masks = np.zeros((*size, 3), np.uint8), []
    for left, top, right, bottom in boxes:
        mask = np.zeros(size, np.uint8)
        mask[top:bottom, left:right] = 1
        image[mask == 1] = colour
        masks.append(mask)
    count = len(boxes)
    return RawFrame(
        image, tuple(range(count)), tuple(range(first_id, first_id + count)), tuple(masks)
    )


def pair(now, before, **settings) -> RawPair:
    return RawPair(frame(now, **settings), frame(before, **settings), "x", is_still=False)


def box(mask):
    rows, columns = np.nonzero(mask)
    return (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_nothing_chosen_changes_nothing():
    target = frame([(5, 5, 20, 20)])
    assert pasted(target, frame([]), [], [], Placement(1, False, 0, 0)) is target


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("move", [(0, 0), (7, -3), (-12, 20)])
def test_an_object_lands_where_it_is_put_and_hides_what_is_there(flip, move):
    target = frame([(0, 0, 80, 60)])  # all red
    cut = frame([(10, 20, 30, 32)], colour=GREEN, first_id=50)
    where = Placement(1.0, flip, *move)
    result = pasted(target, cut, [0], [99], where)
    expected = np.zeros((60, 80), np.uint8)
    for row in range(20, 32):
        for column in range(10, 30):
            r, c = row + move[1], (79 - column if flip else column) + move[0]
            if 0 <= r < 60 and 0 <= c < 80:
                expected[r, c] = 1
    assert result.track_ids == (1, 99)
    assert result.labels == (0, 0)
    np.testing.assert_array_equal(result.masks[1], expected)
    np.testing.assert_array_equal(result.masks[0], 1 - expected)
    inside = expected.copy()
    inside[1:-1, 1:-1] &= (
        expected[:-2, 1:-1] & expected[2:, 1:-1] & expected[1:-1, :-2] & expected[1:-1, 2:]
    )
    assert (result.image[expected == 0] == RED).all()
    assert result.image[inside == 1][:, 1].min() > 60  # edges are mixed


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_scaled_object_covers_the_scaled_box(scale):
    cut = frame([(10, 20, 30, 32)], colour=GREEN)
    half = (scale - 1) / 2
    result = pasted(frame([], size=(120, 160)), cut, [0], [9], Placement(scale, False, half, half))
    assert box(result.masks[0]) == tuple(int(scale * side) for side in (10, 20, 30, 32))


def test_an_object_that_is_hidden_altogether_is_gone():
    target = frame([(20, 20, 25, 25)])
    cut = frame([(10, 10, 40, 40)], colour=GREEN)
    assert pasted(target, cut, [0], [9], Placement(1, False, 0, 0)).track_ids == (9,)


@pytest.mark.parametrize("seed", range(10))
def test_pasted_objects_move_as_they_did_scaled_and_mirrored(seed):
    rules = PasteRules(scale=(0.8, 1.2), inside=1.0)
    paste = ClipCopyPaste(probability=1.0, most=1, rules=rules)
    # moves by (6, -4) in a clip of another size
    other = pair([(16, 20, 36, 40)], [(10, 24, 30, 44)], size=(90, 120), colour=GREEN)
    target = pair([(2, 2, 6, 6)], [(2, 2, 6, 6)], size=(200, 300))
    got = paste(target, other, np.random.default_rng(seed))
    new = max(got.key.track_ids)
    assert new > 2**31
    key, reference = (
        np.array(box(f.masks[f.track_ids.index(new)])) for f in (got.key, got.reference)
    )
    scale = (key[2] - key[0]) / 20
    assert 0.8 * 200 / 90 - 0.1 <= scale <= 1.2 * 200 / 90 + 0.1
    movement = (key[:2] + key[2:] - reference[:2] - reference[2:]) / 2
    assert abs(movement[0]) == pytest.approx(6 * scale, abs=1)
    assert movement[1] == pytest.approx(-4 * scale, abs=1)


def test_no_pixel_belongs_to_two_objects():
    paste = ClipCopyPaste(probability=1.0, most=5)
    target = pair([(2, 2, 50, 50)], [(4, 4, 52, 52)])
    other = pair([(i, i, i + 30, i + 30) for i in (0, 10, 20)], [(0, 0, 30, 30)] * 3, colour=GREEN)
    for seed in range(20):
        got = paste(target, other, np.random.default_rng(seed))
        for one in (got.key, got.reference):
            # objects of one clip may overlap, as annotations may; each is pasted for itself
            assert sum(mask.astype(int) for mask in one.masks).max() == 1
            assert len(set(one.track_ids)) == len(one.track_ids)


def test_an_object_without_a_reference_has_none_there_either():
    paste = ClipCopyPaste(probability=1.0, most=1)
    other = pair([(10, 10, 30, 30)], [])
    got = paste(pair([], []), other, np.random.default_rng(0))
    assert len(got.key.masks) == 1
    assert got.reference.masks == ()


def test_a_clip_without_objects_gives_none():
    target = pair([(2, 2, 9, 9)], [(2, 2, 9, 9)])
    got = ClipCopyPaste()(target, pair([], []), np.random.default_rng(0))
    assert got.key is target.key


def test_a_good_part_of_the_object_is_inside():
    rules = PasteRules(scale=(0.5, 1.0), inside=0.6)
    cut = frame([(10, 20, 30, 32)])
    for seed in range(50):
        where = rules.draw(cut.masks[0], (60, 80), np.random.default_rng(seed))
        left, top, right, bottom = box(cut.masks[0])
        x, y = ((left + right) / 2, (top + bottom) / 2)
        moved = where.matrix(80) @ np.array([x - 0.5, y - 0.5, 1])
        wide, high = 20 * where.scale, 12 * where.scale
        inside_x = min(moved[0] + wide / 2, 79.5) - max(moved[0] - wide / 2, -0.5)
        inside_y = min(moved[1] + high / 2, 59.5) - max(moved[1] - high / 2, -0.5)
        assert inside_x / wide >= 0.6 - 1e-6
        assert inside_y / high >= 0.6 - 1e-6


@pytest.mark.parametrize("flip", [0.0, 1.0])
@pytest.mark.parametrize("times", [0.5, 1, 3])
def test_an_object_that_just_fits_lands_on_the_pixel(times, flip):
    rules = PasteRules(scale=(1, 1), inside=1.0, flip=flip)
    cut = frame([(0, 0, 80, 60)], colour=GREEN)  # all of its frame
    target = frame([], size=(round(60 * times), round(80 * times)))
    where = rules.draw(cut.masks[0], target.size, np.random.default_rng(0))
    # the middle of the first pixel goes to the middle of a block of pixels, or to a corner of four
    assert (where.x, where.y) == pytest.approx(((times - 1) / 2, (times - 1) / 2))
    assert where.flip == bool(flip)
    # bilinear edges round the four corners
    assert (pasted(target, cut, [0], [9], where).masks[0] == 0).sum() <= 4


@pytest.mark.parametrize(
    ("cut", "target", "expected"),
    [((72, 128), (72, 128), 1), ((128, 72), (72, 128), 1), ((256, 144), (72, 128), 0.5)],
)
def test_objects_of_upright_clips_keep_the_size_that_the_network_sees(cut, target, expected):
    mask = np.zeros(cut, np.uint8)
    mask[20:40, 30:50] = 1
    where = PasteRules(scale=(1, 1)).draw(mask, target, np.random.default_rng(0))
    assert where.scale == pytest.approx(expected)


def test_objects_of_many_placements_lie_in_the_middle_of_where_they_may_be():
    rules = PasteRules(scale=(3, 3), inside=1.0, flip=0.5)
    mask = frame([(10, 20, 30, 32)]).masks[0]
    seen = [rules.draw(mask, (60, 80), np.random.default_rng(seed)) for seed in range(400)]
    centres = [where.matrix(80) @ np.array([19.5, 25.5, 1]) for where in seen]
    # 60 of 80 columns and 36 of 60 rows: spread evenly over 20 and 24 pixels
    error = np.array([20, 24]) / np.sqrt(12 * 400)
    assert (np.abs(np.mean(centres, axis=0) - [39.5, 29.5]) < 3 * error).all()


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: ClipCopyPaste(probability=2), "probability"),
        (lambda: ClipCopyPaste(most=0), "most"),
        (lambda: PasteRules(scale=(0, 1)), "scale"),
        (lambda: PasteRules(inside=0), "inside"),
    ],
)
def test_wrong_settings_are_refused(build, words):
    with pytest.raises(ValueError, match=words):
        build()
