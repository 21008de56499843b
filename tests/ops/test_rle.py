from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from sgnet.ops import rle

RANDOM = np.random.default_rng(0)


def random_mask() -> NDArray[np.uint8]:
    height, width = RANDOM.integers(1, 40, size=2)
    return (RANDOM.random((height, width)) < RANDOM.random()).astype(np.uint8)


MASKS = [
    np.zeros((1, 1), np.uint8),
    np.ones((1, 1), np.uint8),
    np.zeros((5, 7), np.uint8),
    np.ones((5, 7), np.uint8),
    np.eye(6, dtype=np.uint8),
    np.pad(np.ones((300, 2), np.uint8), ((100, 0), (400, 100))),  # long runs, several characters
    *[random_mask() for _ in range(100)],
]


def reference(mask: NDArray[np.uint8]) -> dict[str, bytes]:
    coded: dict[str, bytes] = coco_mask.encode(np.asfortranarray(mask))
    return coded


def column_major_runs(mask: NDArray[np.uint8]) -> list[int]:
    """Run lengths counted one pixel at a time."""
    runs, colour = [0], 0
    for pixel in mask.T.ravel().tolist():
        if pixel != colour:
            runs.append(0)
            colour = pixel
        runs[-1] += 1
    return runs


@pytest.mark.parametrize("mask", MASKS)
def test_masks_agree_with_pycocotools_and_come_back(mask: NDArray[np.uint8]) -> None:
    coded = rle.encode(mask)
    expected = reference(mask)
    assert coded.counts == expected["counts"]
    assert (coded.height, coded.width) == mask.shape
    np.testing.assert_array_equal(rle.decode(coded), mask)
    assert rle.area(coded) == coco_mask.area(expected)
    assert list(rle.box_xywh(coded)) == coco_mask.toBbox(expected).tolist()
    assert rle.to_coco(coded) == expected


@pytest.mark.parametrize("mask", MASKS)
def test_run_lengths_are_those_of_a_pixel_loop(mask: NDArray[np.uint8]) -> None:
    height, width = mask.shape
    runs = column_major_runs(mask)
    coded = rle.encode(mask)
    assert rle.run_lengths(coded).tolist() == runs
    assert rle.rle_from_runs(runs, height, width) == coded
    assert rle.rle_from_counts(coded.counts.decode(), height, width) == coded


def test_encode_takes_booleans_views_and_any_nonzero_value() -> None:
    mask = np.eye(8, dtype=np.uint8)[:, ::2]
    assert rle.encode(mask.astype(bool)) == rle.encode(mask)
    assert rle.encode(mask * np.arange(1, 9, dtype=np.uint8)[:, None]) == rle.encode(mask)


def test_a_batch_may_be_empty_and_keeps_its_order() -> None:
    assert rle.encode_batch(np.zeros((0, 3, 4), np.uint8)) == []
    masks = (RANDOM.random((5, 6, 7)) < 0.5).astype(np.uint8)
    assert rle.encode_batch(masks) == [rle.encode(mask) for mask in masks]


@pytest.mark.parametrize("shape", [(3,), (0, 4), (4, 0), (1, 2, 3)])
def test_encode_refuses_what_is_no_mask(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"must be \["):
        rle.encode(np.zeros(shape, np.uint8))


def test_empty_runs_inside_are_merged_away() -> None:
    plain = rle.rle_from_runs([2, 5, 5], 3, 4)
    assert rle.rle_from_runs([2, 3, 0, 2, 0, 0, 5, 0], 3, 4) == plain
    assert rle.rle_from_runs([0, 0, 2, 5, 5], 3, 4) == plain
    compressed = coco_mask.frPyObjects({"size": [3, 4], "counts": [2, 3, 0, 2, 5]}, 3, 4)
    assert rle.rle_from_counts(compressed["counts"], 3, 4) == plain


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([], "sum to 3 x 4 = 12"),
        ([11], "sum to 3 x 4 = 12 pixels, got 11"),
        ([20, -8], "negative, got -8"),
        ([10.0, 2], "integers, got 10.0"),
        ([11, True], "integers, got True"),
        ([11, None], "integers"),
        ([10**30], "sum to"),
        ([0] * 13 + [12], "at most 13 runs, got 14"),
    ],
)
def test_malformed_run_lists_are_refused(runs: list[object], words: str) -> None:
    with pytest.raises(ValueError, match="^counts ") as caught:
        rle.rle_from_runs(runs, 3, 4)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ("", "sum to 3 x 4 = 12"),
        ("é<", "alphabet"),
        ("\n<", "alphabet"),
        ("p", "alphabet"),
        ("<P", "unterminated"),
        ("Poooooooo0", "characters a run"),
        ("O", "negative, got -1"),
        (";", "got 11"),
        ("0" * 14, "at most 13 runs, got 14"),
    ],
)
def test_malformed_counts_are_refused(counts: str, words: str) -> None:
    with pytest.raises(ValueError, match="^counts ") as caught:
        rle.rle_from_counts(counts, 3, 4)
    assert words in str(caught.value)


def test_random_bytes_never_give_a_mask_of_the_wrong_size() -> None:
    for _ in range(300):
        counts = bytes(RANDOM.integers(40, 120, size=RANDOM.integers(0, 6)).astype(np.uint8))
        try:
            coded = rle.rle_from_counts(counts, 4, 5)
        except ValueError:
            continue
        assert coco_mask.decode(rle.to_coco(coded)).shape == (4, 5)
        assert rle.run_lengths(coded).sum() == 20
