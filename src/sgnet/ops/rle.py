"""COCO run-length encodings: checking, encoding, decoding, areas and boxes.

pycocotools' C code hangs or writes past its buffers on malformed run lengths. So whatever comes
from a file passes `rle_from_counts` or `rle_from_runs` first; an `Rle` made by these or by `encode`
may be given to pycocotools. Runs alternate background and foreground, column-major.

Only reading and encoding of whole masks need pycocotools; a deployment without it can still stream
(`sgnet.ops.mask_crops`) and decode.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from sgnet.records import Rle

# pycocotools reserves six characters (30 bits with the sign) for a run: enough for 2**28 pixels.
MAX_SIDE = 16_384
_ALPHABET = bytes(range(48, 112))
MOST_CHARACTERS = 7  # no run below 2**32 needs more


def decode_counts(counts: bytes) -> NDArray[np.int64]:
    """Turns compressed counts into run lengths.

    Each value is a little-endian sequence of 5-bit groups, one a character (chr 48 + group + 32
    where another follows), sign-extended; from the fourth value on it is the difference to the
    value two before.

    Returns:
        [R] run lengths, not yet checked against a mask size.

    Raises:
        ValueError: a character is not in the alphabet, the last value is unterminated, or a value
            has too many characters.
    """
    if not counts:
        return np.zeros(0, dtype=np.int64)
    if counts.translate(None, delete=_ALPHABET):
        raise ValueError("counts must use the COCO alphabet (characters 48 to 111), got others")
    groups = np.frombuffer(counts, dtype=np.uint8) - np.uint8(48)  # [characters] 0 to 63
    last = (groups < 32).nonzero()[0]  # [R] position of each value's last group
    if last.size == 0 or last[-1] != groups.size - 1:
        raise ValueError("counts must end with a complete value, got an unterminated one")
    first = np.empty_like(last)
    first[0] = 0
    first[1:] = last[:-1] + 1
    lengths = last - first + 1
    if lengths.max() > MOST_CHARACTERS:
        raise ValueError(f"counts must have at most {MOST_CHARACTERS} characters a run, got more")
    return _undo_differences(_join_groups(groups, first, last, lengths))


def _join_groups(
    groups: NDArray[np.uint8],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Joins 5-bit groups into signed values: [characters] -> [R]."""
    position = np.arange(groups.size) - first.repeat(lengths)  # [characters] within its value
    low = (groups & 31).astype(np.int64) << (5 * position)
    negative = groups[last].astype(np.int64) >> 4  # its sign bit
    values: NDArray[np.int64] = np.add.reduceat(low, first)
    return values - (negative << (5 * lengths))


def _undo_differences(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sums values[i] over every second position; the very first value stands alone: [R] -> [R]."""
    values[1::2] = values[1::2].cumsum()
    values[2::2] = values[2::2].cumsum()
    return values


def rle_from_counts(counts: str | bytes, height: int, width: int) -> Rle:
    """Checks compressed counts against a mask size; about 25 microseconds.

    Returns:
        The mask; runs of length 0 after the first, which confuse pycocotools, are merged away.

    Raises:
        ValueError: the counts are malformed; the message starts with `counts`.
    """
    try:
        raw = counts.encode("ascii") if isinstance(counts, str) else counts
    except UnicodeEncodeError as error:
        raise ValueError(
            "counts must use the COCO alphabet (characters 48 to 111), got others"
        ) from error
    runs = decode_counts(raw)
    smallest = runs.min(initial=1)
    _check_runs(len(runs), int(smallest), int(runs.sum()), height, width)
    if (runs[1:] == 0).any():
        return _compress(_without_empty_runs(runs.tolist()), height, width)
    return Rle(height, width, raw)


def rle_from_runs(runs: Sequence[object], height: int, width: int) -> Rle:
    """Checks and compresses a list of run lengths, as official training files hold them.

    Raises:
        ValueError: the runs are malformed; the message starts with `counts`.
    """
    if not set(map(type, runs)) <= {int}:  # bool is refused as well
        wrong = next(run for run in runs if type(run) is not int)
        raise ValueError(f"counts must be integers, got {reprlib.repr(wrong)}")
    lengths = cast("list[int]", list(runs))
    _check_runs(len(lengths), min(lengths, default=1), sum(lengths), height, width)
    if 0 in lengths[1:]:
        lengths = _without_empty_runs(lengths)
    return _compress(lengths, height, width)


def _check_runs(number: int, smallest: int, total: int, height: int, width: int) -> None:
    """Refuses runs that do not cover a mask of height x width pixels exactly."""
    pixels = height * width
    if number > pixels + 1:
        raise ValueError(f"counts must be at most {pixels + 1} runs, got {number}")
    if smallest < 0:
        raise ValueError(f"counts must not be negative, got {smallest}")
    if total != pixels:
        raise ValueError(f"counts must sum to {height} x {width} = {pixels} pixels, got {total}")


def _without_empty_runs(runs: list[int]) -> list[int]:
    """Merges the neighbours of runs of length 0; only the first run may remain 0."""
    merged = [0]
    foreground = False  # colour of merged[-1]
    for index, run in enumerate(runs):
        if run == 0:
            continue
        if (index % 2 == 1) != foreground:
            merged.append(run)
            foreground = not foreground
        else:
            merged[-1] += run
    return merged


def _compress(runs: list[int], height: int, width: int) -> Rle:
    """Compresses checked run lengths."""
    from pycocotools import mask as coco_mask

    compressed = coco_mask.frPyObjects({"size": [height, width], "counts": runs}, height, width)
    return Rle(height, width, compressed["counts"])


def run_lengths(rle: Rle) -> NDArray[np.int64]:
    """The run lengths of a mask, [R].

    Raises:
        ValueError: the counts are malformed.
    """
    runs = decode_counts(rle.counts)
    _check_runs(len(runs), int(runs.min(initial=1)), int(runs.sum()), rle.height, rle.width)
    return runs


def encode(mask: NDArray[np.uint8] | NDArray[np.bool_]) -> Rle:
    """Encodes a [H, W] mask; whatever is not 0 is foreground.

    Raises:
        ValueError: the mask is not [H, W], has no pixels, or a side beyond `MAX_SIDE`.
    """
    if mask.ndim != 2:
        raise ValueError(f"mask must be [H, W], got shape {mask.shape}; see encode_batch")
    return encode_batch(mask[None])[0]


def encode_batch(masks: NDArray[np.uint8] | NDArray[np.bool_]) -> list[Rle]:
    """Encodes [N, H, W] masks; whatever is not 0 is foreground, and N may be 0.

    Raises:
        ValueError: the masks are not [N, H, W], have no pixels, or a side beyond `MAX_SIDE`.
    """
    from pycocotools import mask as coco_mask

    if masks.ndim != 3 or not all(0 < side <= MAX_SIDE for side in masks.shape[1:]):
        raise ValueError(
            f"masks must be [N, H, W], sides from 1 to {MAX_SIDE}, got shape {masks.shape}"
        )
    height, width = masks.shape[1:]
    columns_first = np.asfortranarray((masks != 0).view(np.uint8).transpose(1, 2, 0))  # [H, W, N]
    return [Rle(height, width, coded["counts"]) for coded in coco_mask.encode(columns_first)]


def decode(rle: Rle) -> NDArray[np.uint8]:
    """Decodes a mask to [H, W] of 0 and 1.

    Raises:
        ValueError: the counts are malformed.
    """
    runs = run_lengths(rle)
    colours = (np.arange(len(runs)) & 1).astype(np.uint8)
    return np.repeat(colours, runs).reshape(rle.width, rle.height).T


def is_background(rle: Rle) -> bool:
    """Whether a mask without empty runs has no foreground: its counts are one value."""
    return all(character >= 48 + 32 for character in rle.counts[:-1])


def area(rle: Rle) -> int:
    """Number of foreground pixels.

    Raises:
        ValueError: the counts are malformed.
    """
    return int(run_lengths(rle)[1::2].sum())


def box_xywh(rle: Rle) -> tuple[float, float, float, float]:
    """The tight box (x, y, width, height) in pixels; all 0 for an empty mask.

    Raises:
        ValueError: the counts are malformed.
    """
    runs = run_lengths(rle)
    ends = runs.cumsum()[1::2]
    starts = ends - runs[1::2]
    filled = ends > starts
    starts, lasts = starts[filled], ends[filled] - 1
    if starts.size == 0:
        return (0.0, 0.0, 0.0, 0.0)
    first_columns, last_columns = starts // rle.height, lasts // rle.height
    left, right = int(first_columns.min()), int(last_columns.max())
    if (first_columns < last_columns).any():  # a run over a column's end touches top and bottom
        top, bottom = 0, rle.height - 1
    else:
        top, bottom = int((starts % rle.height).min()), int((lasts % rle.height).max())
    return (float(left), float(top), float(right - left + 1), float(bottom - top + 1))


def to_coco(rle: Rle) -> dict[str, object]:
    """The dictionary that pycocotools takes; counts are bytes."""
    return {"size": [rle.height, rle.width], "counts": rle.counts}
