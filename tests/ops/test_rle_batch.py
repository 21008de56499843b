"""Many run lengths checked at once, against the reading of single ones."""

from __future__ import annotations

import numpy as np
import pytest
from run_length_cases import HEIGHT, PIXELS, WIDTH, compressed, drawn, kept_as_it_is, spoilt

from sgnet.ops.rle import encode
from sgnet.ops.rle_batch import are_plain


def test_no_masks_are_fine():
    assert are_plain([], PIXELS).shape == (0,)


@pytest.mark.parametrize("number", [1, 2, 3, 64])
def test_well_formed_masks_are_plain(number):
    random = np.random.default_rng(number)
    for _ in range(20):
        assert are_plain([drawn(random) for _ in range(number)], PIXELS).all()


def test_only_those_of_another_size_are_not():
    random = np.random.default_rng(0)
    other = encode(np.ones((HEIGHT, WIDTH + 1), dtype=np.uint8)).counts.decode()
    counts = [drawn(random) for _ in range(9)]
    counts[4:4] = [other]
    assert np.flatnonzero(~are_plain(counts, PIXELS)).tolist() == [4]


@pytest.mark.parametrize(
    "counts",
    [
        "",
        "é",
        "p",  # behind the alphabet
        "/",  # before it
        "ool",  # unterminated
        compressed(PIXELS)[:-1],
        compressed(PIXELS) + "P",  # behind it a value begins
        "P" * 7 + "0",  # eight characters
        compressed(-1, PIXELS + 1),
        compressed(4, 0, PIXELS - 4),  # an empty run
        compressed(4, 2, PIXELS - 6, -2),  # the fourth is 0
        compressed(4, PIXELS, -4),
        compressed(PIXELS + 2**32),
        compressed(2**33, -(2**33) + PIXELS),
        compressed(PIXELS - 1),
    ],
)
def test_what_needs_a_closer_look_is_not_plain_alone_or_among_others(counts):
    assert not kept_as_it_is(counts)
    assert not are_plain([counts], PIXELS).any()
    good = drawn(np.random.default_rng(0))
    assert not are_plain([good, counts, good], PIXELS)[1]


@pytest.mark.parametrize(
    "counts",
    [
        compressed(PIXELS),
        compressed(0, PIXELS),
        compressed(PIXELS - 3, 3),
        compressed(10, 20, PIXELS - 40, -10),
        compressed(PIXELS)[:-1] + chr(ord(compressed(PIXELS)[-1]) + 32) + "0",  # a group too many
    ],
)
def test_runs_that_cover_the_mask_are_plain(counts):
    assert kept_as_it_is(counts)
    good = drawn(np.random.default_rng(1))
    assert are_plain([good, counts, good], PIXELS).all()


def test_spoilt_counts_are_judged_as_when_read_one_by_one():
    random = np.random.default_rng(3)
    seen = {True: 0, False: 0}
    for _ in range(1500):
        counts = spoilt(random, 48, 111)
        expected = kept_as_it_is(counts)
        seen[expected] += 1
        assert are_plain([counts], PIXELS).tolist() == [expected]
    assert min(seen.values()) > 10


def test_masks_among_each_other_are_judged_as_alone():
    random = np.random.default_rng(4)
    for _ in range(100):
        counts = [drawn(random) for _ in range(12)]
        for place in random.integers(0, 12, 3):
            counts[place] = compressed(*(int(value) for value in random.integers(-9, PIXELS, 5)))
        expected = [kept_as_it_is(one) for one in counts]
        assert are_plain(counts, PIXELS).tolist() == expected
