"""64 bits that stay nearly the same when an image is re-encoded or resized; clips alike by them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32  # pixels of the thumbnail
LOW = 8  # frequencies a side
FLAT = 4.0  # grey levels; below this deviation a thumbnail says nothing
NEAR = 8  # bits in which the hashes of two copies differ at most
FRAMES = 8  # of each video, evenly spread
ENOUGH = 0.5  # of the shorter video's sampled frames must have a like one
BLOCK = 2_000_000  # comparisons at once

Hashes = NDArray[np.uint64]


def perceptual_hash(image: NDArray[np.uint8]) -> int | None:
    """Which of 64 low frequencies of a grey thumbnail lie above their median (pHash).

    The mean grey is none of them, so that brightness does not count.

    Args:
        image: [H, W, 3] RGB.

    Returns:
        64 bits; None for an image that is nearly of one colour, whose bits would be noise.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() < FLAT:
        return None
    frequencies = cv2.dct(small)[: LOW + 1, : LOW + 1].ravel()[1 : LOW * LOW + 1]  # no mean
    bits = frequencies > np.median(frequencies)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def sampled_frames(length: int) -> list[int]:
    """At most 8 frames, evenly spread and the same shares of any length; [] of no frames."""
    count = min(FRAMES, length)
    return [int((2 * k + 1) * length / (2 * count)) for k in range(count)]


def alike_pairs(
    first: Sequence[Sequence[int | None]], second: Sequence[Sequence[int | None]] | None = None
) -> list[tuple[int, int, float]]:
    """Videos that show the same.

    Args:
        first: per video the hashes of its sampled frames, None where they have none.
        second: the same of other videos; None compares the first with each other.

    Returns:
        (i, j, share) of each pair with so many like frames on both sides that they are at least
        half of the shorter video's, i < j among the first. A picture that stands still in one
        video does not count for more than its frames in the other.
    """
    hashes, owners = _flat(first)
    others, other_owners = (hashes, owners) if second is None else _flat(second)
    if not len(hashes) or not len(others):
        return []
    rows, columns = _near(hashes, others)
    if second is None:
        distinct = owners[rows] < other_owners[columns]
        rows, columns = rows[distinct], columns[distinct]
    matched: dict[tuple[int, int], tuple[set[int], set[int]]] = {}
    pairs = zip(owners[rows].tolist(), other_owners[columns].tolist(), strict=True)
    for pair, row, column in zip(pairs, rows.tolist(), columns.tolist(), strict=True):
        mine, theirs = matched.setdefault(pair, (set(), set()))
        mine.add(row)
        theirs.add(column)
    found = []
    for (i, j), (mine, theirs) in sorted(matched.items()):
        other = first[j] if second is None else second[j]
        share = min(len(mine), len(theirs)) / min(len(first[i]), len(other))
        if share >= ENOUGH:
            found.append((i, j, share))
    return found


def _flat(videos: Sequence[Sequence[int | None]]) -> tuple[Hashes, NDArray[np.int64]]:
    """All hashes in a row, and whose they are."""
    known = [(value, i) for i, video in enumerate(videos) for value in video if value is not None]
    hashes = np.array([value for value, _ in known], dtype=np.uint64)
    return hashes, np.array([i for _, i in known], dtype=np.int64)


def _near(first: Hashes, second: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of hashes that differ in few bits, block by block."""
    rows, columns = [], []
    step = max(1, BLOCK // len(second))
    for start in range(0, len(first), step):
        different = first[start : start + step, None] ^ second[None]
        row, column = np.nonzero(_bit_counts(different) <= NEAR)
        rows.append(row + start)
        columns.append(column)
    return np.concatenate(rows), np.concatenate(columns)


def _bit_counts(values: Hashes) -> Hashes:
    """The number of ones of each value, by sums of neighbouring bits."""
    pairs = values - ((values >> np.uint64(1)) & np.uint64(0x5555555555555555))
    fours = np.uint64(0x3333333333333333)
    nibbles = (pairs & fours) + ((pairs >> np.uint64(2)) & fours)
    eights = (nibbles + (nibbles >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    counts: Hashes = (eights * np.uint64(0x0101010101010101)) >> np.uint64(56)
    return counts
