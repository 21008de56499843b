"""Compiled reading of run lengths, against the reading of single masks and against pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from run_length_cases import HEIGHT, PIXELS, WIDTH, compressed, drawn, kept_as_it_is, spoilt

from sgnet.ops.rle import decode, encode, rle_from_counts, run_lengths
from sgnet.ops.rle_kernels import MaskRuns, read_masks, shared_pixels


def read(counts: list[str]) -> MaskRuns:
    text = np.frombuffer("".join(counts).encode(), dtype=np.uint8)
    return read_masks(text, np.array(list(map(len, counts)), dtype=np.int64), PIXELS)


def test_no_masks_are_fine():
    runs = read([])
    assert [len(part) for part in runs] == [0, 0, 1, 0]


@pytest.mark.parametrize("number", [1, 2, 3, 64])
def test_runs_and_areas_are_those_of_masks_read_one_by_one(number):
    random = np.random.default_rng(number)
    for _ in range(20):
        counts = [drawn(random) for _ in range(number)]
        runs = read(counts)
        masks = [rle_from_counts(one, HEIGHT, WIDTH) for one in counts]
        assert runs.plain.all()
        for index, mask in enumerate(masks):
            ends = runs.ends[runs.starts[index] : runs.starts[index + 1]]
            assert ends.tolist() == run_lengths(mask).cumsum().tolist()
        coded = [{"size": [HEIGHT, WIDTH], "counts": one} for one in counts]
        assert runs.areas.tolist() == coco_mask.area(coded).tolist()


def test_absent_masks_have_no_run():
    mask = drawn(np.random.default_rng(0))
    runs = read(["", mask, "", mask, ""])
    assert runs.plain.tolist() == [False, True, False, True, False]
    assert np.flatnonzero(np.diff(runs.starts)).tolist() == [1, 3]
    assert runs.areas[[0, 2, 4]].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "counts",
    [
        "ool",  # unterminated
        compressed(PIXELS)[:-1] + chr(ord(compressed(PIXELS)[-1]) + 32),  # of the right value
        "p",  # behind the alphabet
        "/",  # before it
        "P" * 7 + "0",  # eight characters
        compressed(PIXELS)[:-1],
        compressed(-1, PIXELS + 1),
        compressed(4, 0, PIXELS - 4),  # an empty run
        compressed(4, 2, PIXELS - 6, -2),  # the fourth is 0
        compressed(PIXELS + 2**32),
        compressed(2**33, -(2**33) + PIXELS),
        compressed(PIXELS - 1),
    ],
)
def test_what_is_malformed_is_not_plain_and_its_neighbours_are(counts):
    assert not kept_as_it_is(counts)
    good = drawn(np.random.default_rng(0))
    assert read([good, counts, good]).plain.tolist() == [True, False, True]


def test_spoilt_counts_are_judged_as_when_read_one_by_one():
    random = np.random.default_rng(3)
    seen = {True: 0, False: 0}
    for _ in range(1500):
        counts = spoilt(random, 46, 113)  # some beyond the alphabet
        expected = kept_as_it_is(counts)
        seen[expected] += 1
        assert read([counts]).plain.tolist() == [expected]
    assert min(seen.values()) > 10


def test_text_of_any_bytes_is_read_within_its_bounds():
    random = np.random.default_rng(5)
    for _ in range(500):
        sizes = random.integers(0, 40, 5)
        text = random.integers(0, 256, sizes.sum()).astype(np.uint8)
        runs = read_masks(text, sizes, PIXELS)
        assert runs.starts[-1] == len(runs.ends) <= len(text)
        classes = np.zeros(5, dtype=np.int64)
        assert shared_pixels(runs, classes, runs, classes, 1).shape == (5, 5)


@pytest.mark.parametrize(("found", "true", "frames"), [(0, 2, 3), (2, 0, 3), (1, 1, 1), (5, 4, 6)])
def test_shared_pixels_are_those_of_decoded_masks_of_one_class(found, true, frames):
    random = np.random.default_rng(found)

    def tracks(number: int) -> list[list[str]]:
        return [
            ["" if random.random() < 0.3 else mask() for _ in range(frames)] for _ in range(number)
        ]

    def mask() -> str:
        if random.random() < 0.5:
            return drawn(random)
        noise = random.random((HEIGHT, WIDTH)) < random.random()
        return encode(noise).counts.decode()

    def pixels(counts: str) -> np.ndarray:
        if not counts:
            return np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        return decode(rle_from_counts(counts, HEIGHT, WIDTH))

    left, right = tracks(found), tracks(true)
    classes = random.integers(1, 3, found), random.integers(1, 3, true)
    runs = [read([mask for track in part for mask in track]) for part in (left, right)]
    shared = shared_pixels(runs[0], classes[0], runs[1], classes[1], frames)
    assert shared.shape == (found, true)
    for row, mine in enumerate(left):
        for column, other in enumerate(right):
            both = sum(int((pixels(a) & pixels(b)).sum()) for a, b in zip(mine, other, strict=True))
            same = classes[0][row] == classes[1][column]
            assert shared[row, column] == (both if same else 0)
