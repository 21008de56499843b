"""Reading and intersecting the compressed run lengths of many masks, compiled by numba.

What `sgnet.ops.rle` and pycocotools give mask by mask, several times as fast. Importing it needs
numba (`pip install sgnet[fast]`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sgnet.ops.compiling import compiled
from sgnet.ops.rle import MOST_CHARACTERS


class MaskRuns(NamedTuple):
    """The runs of N masks.

    Attributes:
        plain: [N] True where counts are such as `rle_from_counts` takes as they are: well-formed,
            covering the pixels exactly, no empty run but the first. What follows holds for these.
        ends: [R] where runs end, column-major from the mask's first pixel; a mask's first run is
            background.
        starts: [N + 1] where each mask's runs begin among them.
        areas: [N] foreground pixels.
    """

    plain: NDArray[np.bool_]
    ends: NDArray[np.int32]
    starts: NDArray[np.int64]
    areas: NDArray[np.int64]


@compiled
def read_masks(text: NDArray[np.uint8], sizes: NDArray[np.int64], pixels: int) -> MaskRuns:
    """Reads and checks compressed counts, whatever they hold.

    Args:
        text: compressed counts, one mask behind the other.
        sizes: [N] characters of each; 0 where there is no mask, which has no run and is not plain.
        pixels: of each mask, below 2**31.
    """
    plain = np.zeros(len(sizes), dtype=np.bool_)
    ends = np.empty(len(text), dtype=np.int32)
    starts = np.zeros(len(sizes) + 1, dtype=np.int64)
    areas = np.zeros(len(sizes), dtype=np.int64)
    place = run = 0
    for mask in range(len(sizes)):
        stop = place + sizes[mask]
        whole = stop > place
        covered = area = before = last = number = 0  # `before`: the run two before
        while place < stop:
            group: Any = np.int64(text[place]) - 48  # signed for numba, a number for types
            place += 1
            if 0 <= group < 32:
                value = (group ^ 16) - 16  # 5 bits with their sign
            else:
                whole &= 0 <= group < 64
                value, shift, more = group & 31, 5, True
                while more and place < stop and shift < 5 * MOST_CHARACTERS:
                    group = np.int64(text[place]) - 48
                    place += 1
                    whole &= 0 <= group < 64
                    value |= (group & 31) << shift
                    shift += 5
                    more = group > 31
                whole &= not more
                if group & 16:
                    value -= 1 << shift
            if number > 2:
                value += before
            whole &= value > 0 or (value == 0 and number == 0)
            before, last = last, value
            covered += value
            if number & 1:
                area += value
            ends[run] = covered
            run += 1
            number += 1
        starts[mask + 1] = run
        areas[mask] = area
        plain[mask] = whole and covered == pixels
    return MaskRuns(plain, ends[:run], starts, areas)


@compiled
def shared_pixels(
    found: MaskRuns,
    found_classes: NDArray[np.int64],
    true: MaskRuns,
    true_classes: NDArray[np.int64],
    frames: int,
) -> NDArray[np.int64]:
    """Pixels that two sets of tracks share, over all frames.

    Args:
        found: runs of the masks of D tracks, track by track, frame by frame; absent masks have
            none.
        found_classes: [D] only tracks of one class are compared.
        true: the same of N tracks.
        true_classes: [N].
        frames: of each track.

    Returns:
        [D, N], 0 where classes differ.
    """
    shared = np.zeros((len(found_classes), len(true_classes)), dtype=np.int64)
    for row in range(len(found_classes)):
        for column in range(len(true_classes)):
            if found_classes[row] != true_classes[column]:
                continue
            pixels = 0
            for frame in range(frames):
                left = found.starts[row * frames + frame]
                left_last = found.starts[row * frames + frame + 1] - 1
                right = true.starts[column * frames + frame]
                right_last = true.starts[column * frames + frame + 1] - 1
                while left < left_last and right < right_last:  # a foreground run of each
                    left_end, right_end = found.ends[left + 1], true.ends[right + 1]
                    begin = max(found.ends[left], true.ends[right])
                    pixels += max(0, min(left_end, right_end) - begin)
                    if left_end < right_end:
                        left += 2
                    else:
                        right += 2
            shared[row, column] = pixels
    return shared
