"""Checking the compressed counts of many masks at once, as results files hold them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sgnet.ops.rle import MOST_CHARACTERS

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


def are_plain(counts: Sequence[str], pixels: int) -> BoolArray:
    """Which compressed counts `rle_from_counts` would take as they are.

    It is several times as fast as reading them one by one. Where one of them is malformed in its
    characters, none is plain. What is not plain is to be read one by one: that says what is wrong,
    if anything is.

    Args:
        counts: of N masks.
        pixels: of each mask.

    Returns:
        [N] True where counts are well-formed, cover the pixels exactly and have no empty run.
    """
    nothing = np.zeros(len(counts), dtype=np.bool_)
    sizes = np.fromiter(map(len, counts), np.int64, len(counts))  # [N] characters
    text = "".join(counts)
    if not len(counts) or not sizes.all() or not text.isascii():
        return nothing
    groups = np.frombuffer(text.encode("ascii"), dtype=np.uint8) - np.uint8(48)  # [characters]
    ends = sizes.cumsum()
    if groups.max() > 63 or (groups[ends - 1] >= 32).any():
        return nothing  # another alphabet, or an unterminated value
    last = np.flatnonzero(groups < 32)  # [R] position of each value's last group
    lengths = np.diff(last, prepend=-1)
    if lengths.max() > MOST_CHARACTERS:
        return nothing
    numbers = np.diff(np.searchsorted(last, ends), prepend=0)  # [N] values of each mask
    return _cover(_values(groups, last, lengths), numbers, pixels)


def _values(groups: NDArray[np.uint8], last: IntArray, lengths: IntArray) -> IntArray:
    """The signed values [R] of 5-bit groups, from each one's last group to its first."""
    values = (groups[last] ^ 16).astype(np.int64) - 16  # the last group has the sign
    more = np.flatnonzero(lengths > 1)
    position, length = last[more], lengths[more]
    for read in range(1, MOST_CHARACTERS):
        position -= 1
        values[more] = (values[more] << 5) | (groups[position] & 31)
        going_on = length > read + 1
        if not going_on.any():
            break
        more, position, length = more[going_on], position[going_on], length[going_on]
    return values


def _cover(values: IntArray, numbers: IntArray, pixels: int) -> BoolArray:
    """Whether the runs of each mask are positive, but for its first, and cover its pixels.

    Args:
        values: [R] of all masks; from a mask's fourth one on they are differences.
        numbers: [N] values of each mask, at least 1.
        pixels: of each mask.
    """
    places = numbers + numbers % 2  # a pair of runs, background and foreground, to a row
    starts = places.cumsum() - places
    runs = np.zeros(int(places.sum()), dtype=np.int64)
    runs[np.arange(len(values)) + np.repeat(starts - numbers.cumsum() + numbers, numbers)] = values
    first = runs[starts]
    runs[starts] = 0  # stands alone: the third run is no difference to it
    pairs = runs.reshape(-1, 2)
    np.cumsum(pairs, axis=0, out=pairs)
    before = pairs[starts[1:] // 2 - 1]
    pairs -= np.repeat(np.concatenate([np.zeros((1, 2), np.int64), before]), places // 2, axis=0)
    runs[starts] = first
    empty = (starts + numbers)[numbers % 2 == 1]  # places behind an odd number of runs
    runs[empty] = 0
    covered: BoolArray = np.add.reduceat(runs, starts) == pixels
    runs[empty] = 1
    runs[starts] += 1  # may be 0
    return covered & (np.minimum.reduceat(runs, starts) > 0)
