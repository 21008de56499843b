"""Compressed run lengths for tests, good ones and others."""

from __future__ import annotations

import numpy as np

from sgnet.ops.rle import encode, rle_from_counts

HEIGHT, WIDTH = 24, 40
PIXELS = HEIGHT * WIDTH


def drawn(random: np.random.Generator) -> str:
    """A mask of a few rectangles; one in ten is empty, one in ten starts with foreground."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for _ in range(random.integers(0, 4)):
        top, left = random.integers(0, HEIGHT), random.integers(0, WIDTH)
        mask[top : top + random.integers(1, 20), left : left + random.integers(1, 30)] = 1
    if random.random() < 0.1:
        mask[0, 0] = 1
    if random.random() < 0.1:
        mask = 1 - mask
    return encode(mask).counts.decode()


def kept_as_it_is(counts: str) -> bool:
    try:
        return rle_from_counts(counts, HEIGHT, WIDTH).counts == counts.encode()
    except ValueError:
        return False


def compressed(*values: int) -> str:
    """Values as COCO writes them, differences already taken."""
    text = ""
    for value in values:
        while True:
            group, value = value & 31, value >> 5
            done = value == (-1 if group & 16 else 0)
            text += chr(48 + group + (0 if done else 32))
            if done:
                break
    return text


def spoilt(random: np.random.Generator, first: int, last: int) -> str:
    """A drawn mask of which one or two characters are replaced, by those of codes first to last."""
    letters = list(drawn(random))
    for _ in range(random.integers(1, 3)):
        letters[random.integers(0, len(letters))] = chr(random.integers(first, last + 1))
    return "".join(letters)
