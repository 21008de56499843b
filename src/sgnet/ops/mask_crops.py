"""Masks that live in crops of the frame: upsampling and run lengths without full-size masks.

The cost follows the area of the crops and not instances x frame. `sgnet.postprocess.binary_masks`
followed by `sgnet.ops.rle.encode_batch` is the plain way to the same masks; the tests compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sgnet.records import Rle

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
MASK_THRESHOLD = 0.5  # probabilities above it are foreground
_GROUP_BITS = 5


@dataclass(frozen=True)
class MaskCrop:
    """A binary mask inside a rectangle of a frame; nothing outside of it.

    Attributes:
        top: frame row of the crop's first row.
        left: frame column of its first column.
        mask: [h, w] bool; h or w may be 0.
    """

    top: int
    left: int
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class AxisInterpolation:
    """Bilinear interpolation along one axis from `source` samples to `target` samples.

    Half-pixel centres, clamped at the border, as `torch.nn.functional.interpolate` with
    align_corners=False.

    Attributes:
        low: [target] the lower of the two source samples of each target sample.
        high: [target] the upper one.
        weight: [target] of the upper one.
        first: [source + 1] the first target sample that touches source sample i or a later one.
        last: [source + 1] one behind the last target sample that touches a sample before i.
    """

    low: IntArray
    high: IntArray
    weight: Float32Array
    first: IntArray
    last: IntArray


@lru_cache(maxsize=64)
def axis_interpolation(source: int, target: int) -> AxisInterpolation:
    """The table of one axis; it depends on the two lengths alone.

    Raises:
        ValueError: a length below 1.
    """
    if source < 1 or target < 1:
        raise ValueError(f"lengths must be at least 1, got {source} and {target}")
    scale = np.float32(source) / np.float32(target)
    centers = scale * (np.arange(target, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5)
    centers = np.maximum(centers, np.float32(0))
    low = centers.astype(np.int64)
    high = np.minimum(low + 1, source - 1)
    borders = np.arange(source + 1)
    return AxisInterpolation(
        low=low,
        high=high,
        weight=(centers - low).astype(np.float32),
        first=np.searchsorted(high, borders, side="left"),
        last=np.searchsorted(low, borders, side="left"),
    )


def upsampled_crop(
    probabilities: Float32Array,
    top: int,
    left: int,
    rows: AxisInterpolation,
    columns: AxisInterpolation,
    threshold: float,
) -> MaskCrop:
    """The part of the frame that a crop of a coarser map reaches, upsampled and cut.

    Args:
        probabilities: [h, w] crop of a map that is 0 outside of it; h or w may be 0.
        top: the map's row of the crop's first row.
        left: the map's column of its first column.
        rows: from the map's height to the frame's.
        columns: from the map's width to the frame's.
        threshold: probabilities above it are foreground.
    """
    height, width = probabilities.shape
    if height == 0 or width == 0:
        return MaskCrop(0, 0, np.zeros((0, 0), dtype=np.bool_))
    bordered = np.zeros((height + 2, width + 2), dtype=np.float32)
    bordered[1:-1, 1:-1] = probabilities
    y = slice(int(rows.first[top]), int(rows.last[top + height]))
    x = slice(int(columns.first[left]), int(columns.last[left + width]))
    across = _between(bordered, columns, x, left, axis=1)
    values = _between(across, rows, y, top, axis=0)
    return MaskCrop(y.start, x.start, values > threshold)


def _between(
    bordered: Float32Array, table: AxisInterpolation, part: slice, origin: int, axis: int
) -> Float32Array:
    """Interpolates along one axis of a crop that has one border sample on each side."""
    low = np.take(bordered, table.low[part] - (origin - 1), axis=axis)
    high = np.take(bordered, table.high[part] - (origin - 1), axis=axis)
    weight = table.weight[part] if axis == 1 else table.weight[part][:, None]
    values: Float32Array = low * (1 - weight) + high * weight
    return values


def encode_crops(crops: Sequence[MaskCrop], height: int, width: int) -> list[Rle]:
    """Encodes N masks given as crops; equal to `encode_batch` of the full masks.

    Args:
        crops: inside the frame; none is fine.
        height: of the frame.
        width: of the frame.

    Raises:
        ValueError: a crop reaches out of the frame.
    """
    for index, crop in enumerate(crops):
        bottom, right = crop.top + crop.mask.shape[0], crop.left + crop.mask.shape[1]
        if min(crop.top, crop.left) < 0 or bottom > height or right > width:
            raise ValueError(
                f"crop {index} must lie inside of {height} x {width} pixels, got rows "
                f"{crop.top} to {bottom}, columns {crop.left} to {right}"
            )
    if not crops:
        return []
    borders, owners = _borders(crops, height)
    runs, run_owners = _runs(borders, owners, len(crops), height * width)
    return _compressed(runs, run_owners, len(crops), height, width)


def _borders(crops: Sequence[MaskCrop], height: int) -> tuple[IntArray, IntArray]:
    """Where the masks change colour: column-major positions in the frame and crop of each."""
    # columns of all crops behind each other, each closed by one background pixel
    columns = [_closed_columns(crop.mask) for crop in crops]
    pixels = np.concatenate([np.zeros(1, dtype=np.bool_), *columns])
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
    sizes = np.array([column.size for column in columns])
    starts = sizes.cumsum() - sizes
    owners = np.searchsorted(starts, changes, side="right") - 1
    tops, lefts, strides = (
        np.array(values)[owners]
        for values in (
            [crop.top for crop in crops],
            [crop.left for crop in crops],
            [crop.mask.shape[0] + 1 for crop in crops],
        )
    )
    column, row = np.divmod(changes - starts[owners], strides)
    return (lefts + column) * height + tops + row, owners


def _closed_columns(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Columns behind each other, each with one background pixel at its foot."""
    closed = np.zeros((mask.shape[1], mask.shape[0] + 1), dtype=np.bool_)
    closed[:, :-1] = mask.T
    return closed.ravel()


def _runs(
    borders: IntArray, owners: IntArray, count: int, pixels: int
) -> tuple[IntArray, IntArray]:
    """Run lengths of all masks behind each other, and the mask of each run."""
    # a run that ends at a column's foot goes on where the next one starts at the head
    same = np.flatnonzero((borders[1:] == borders[:-1]) & (owners[1:] == owners[:-1]))
    kept = np.ones(borders.size, dtype=np.bool_)
    kept[same] = kept[same + 1] = False
    borders, owners = borders[kept], owners[kept]
    ends_at_last_pixel = borders == pixels
    borders, owners = borders[~ends_at_last_pixel], owners[~ends_at_last_pixel]
    numbers = np.arange(count)
    all_owners = np.concatenate([owners, numbers])
    order = np.argsort(all_owners, kind="stable")
    ends = np.concatenate([borders, np.full(count, pixels)])[order]
    all_owners = all_owners[order]
    before = np.concatenate([[0], ends[:-1]])
    before[np.searchsorted(all_owners, numbers)] = 0
    return ends - before, all_owners


def _compressed(runs: IntArray, owners: IntArray, count: int, height: int, width: int) -> list[Rle]:
    """COCO's compressed form of the runs of each mask."""
    firsts = np.searchsorted(owners, np.arange(count))
    position = np.arange(runs.size) - firsts[owners]
    values = runs.copy()
    later = np.flatnonzero(position > 2)
    values[later] -= runs[later - 2]
    characters, lengths = _characters(values)
    ends = np.append(lengths.cumsum()[firsts[1:] - 1], lengths.sum())
    text = characters.tobytes()
    pieces = zip(np.concatenate([[0], ends[:-1]]).tolist(), ends.tolist(), strict=True)
    return [Rle(height, width, text[start:end]) for start, end in pieces]


def _characters(values: IntArray) -> tuple[NDArray[np.uint8], IntArray]:
    """Signed values as 5-bit groups, lowest first: all characters and the number of each value."""
    magnitude = np.where(values < 0, ~values, values)
    bits = np.frexp(magnitude.astype(np.float64))[1].astype(np.int64) + 1  # with the sign
    lengths = -(-bits // _GROUP_BITS)
    owners = np.repeat(np.arange(values.size), lengths)
    place = np.arange(owners.size) - (lengths.cumsum() - lengths)[owners]
    groups = (values[owners] >> (_GROUP_BITS * place)) & 31
    groups += np.where(place < lengths[owners] - 1, 32, 0) + 48
    return groups.astype(np.uint8), lengths
