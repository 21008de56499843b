"""Images whose pixels are object numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from sgnet.conversion.labelled import LabelledObject
from sgnet.ops.rle import decode, encode_batch
from sgnet.records import Rle


def masks_by_number(
    image: NDArray[np.uint16], left_out: Collection[int] = (0,)
) -> list[tuple[int, Rle]]:
    """The mask of each number of an index image [H, W], in the order of the numbers."""
    numbers = [number for number in np.unique(image).tolist() if number not in left_out]
    if not numbers:
        return []
    masks = image == np.array(numbers, dtype=np.uint16)[:, None, None]  # [N, H, W]
    return list(zip(numbers, encode_batch(masks), strict=True))


def paint(
    objects: Sequence[LabelledObject], numbers: Sequence[int], frame: int, size: tuple[int, int]
) -> NDArray[np.uint16]:
    """Objects of one frame as an index image [H, W], 0 where there is none.

    Where several claim a pixel it goes to the one with the highest score, of equal ones to the
    first.
    """
    image = np.zeros(size, dtype=np.uint16)
    weakest_first = sorted(range(len(objects)), key=lambda i: (objects[i].score, -i))
    for index in weakest_first:
        mask = objects[index].masks[frame]
        if mask is not None:
            image[decode(mask).astype(bool)] = numbers[index]
    return image
