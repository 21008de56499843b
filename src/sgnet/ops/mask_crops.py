"""Masks that live in crops of the frame: upsampling and run lengths without full-size masks.

The cost follows the area of the crops and not instances x frame. `sgnet.postprocess.binary_masks`
followed by `sgnet.ops.rle.encode_batch` is the plain way to the same masks; the tests compare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sgnet.records import BaseCrop, Rle

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
MASK_THRESHOLD = 0.5  # probabilities above it are foreground
_GROUP_BITS = 5
# Multiply-adds of a matrix product that OpenBLAS, numpy's own, computes without waking its threads:
# these go on spinning afterwards and take the cores from the network.
_LARGEST_PRODUCT = 2**18


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
        matrix: [target, source] weights of the one or two samples each target sample lies between;
            all others are 0.
        upper_weight: [target] weight of the later one of the two.
        low: the earlier sample of each target sample.
        high: the later one.
        begins: [source + 1] the first target sample between source samples i - 1 and i; what lies
            before the first or behind the last source sample belongs to it.
        ends: [source + 1] one behind the last of them.
        first: for i from 0 to source, the first target sample that touches source sample i or a
            later one.
        last: for i from 0 to source, one behind the last target sample that touches a sample
            before i.
    """

    matrix: Float32Array
    upper_weight: Float32Array
    low: list[int]
    high: list[int]
    begins: IntArray
    ends: IntArray
    first: list[int]
    last: list[int]


@lru_cache(maxsize=8)
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
    weight = (centers - low).astype(np.float32)
    matrix = np.zeros((target, source), dtype=np.float32)
    targets = np.arange(target)
    matrix[targets, low] = 1 - weight
    matrix[targets, high] += weight
    borders = np.arange(source + 1)
    begins = np.searchsorted(low, borders - 1)
    ends = np.append(begins[1:], target)
    begins[-1] = target
    return AxisInterpolation(
        matrix=matrix,
        upper_weight=weight,
        low=low.tolist(),
        high=high.tolist(),
        begins=begins,
        ends=ends,
        first=np.searchsorted(high, borders, side="left").tolist(),
        last=np.searchsorted(low, borders, side="left").tolist(),
    )


def split_crops(values: Float32Array, corners: IntArray, extents: IntArray) -> list[BaseCrop]:
    """Crops of N instances from one flat list of pixels.

    Args:
        values: [P] probabilities of all pixels, by instance, row and column.
        corners: [N, 2] column and row of each crop's first pixel.
        extents: [N, 2] columns and rows of each crop.
    """
    crops, start = [], 0
    for (left, top), (width, height) in zip(corners.tolist(), extents.tolist(), strict=True):
        stop = start + width * height
        crops.append(BaseCrop(top, left, values[start:stop].reshape(height, width)))
        start = stop
    return crops


def encode_upsampled(
    crops: Sequence[BaseCrop],
    map_size: tuple[int, int],
    frame_size: tuple[int, int],
    threshold: float = MASK_THRESHOLD,
) -> list[Rle]:
    """Encodes N masks that are crops of a coarser map, upsampled to the frame and cut.

    Columns are interpolated; along each of them the mask changes colour only between two samples of
    the map on different sides of the threshold, and only there the rows between are looked at.

    Args:
        crops: probabilities; the map is 0 outside of them; none is fine.
        map_size: (h, w) of the map.
        frame_size: (height, width) of the frame.
        threshold: probabilities above it are foreground; not below 0.
    """
    if not crops:
        return []
    height, width = frame_size
    rows, columns = (axis_interpolation(*s) for s in zip(map_size, frame_size, strict=True))
    parts = [
        slice(columns.first[crop.left], columns.last[crop.left + crop.probabilities.shape[1]])
        if crop.probabilities.size
        else slice(0, 0)
        for crop in crops
    ]
    # columns of all crops behind each other, each closed by a sample of background
    strides = np.array([crop.probabilities.shape[0] + 1 for crop in crops], dtype=np.int64)
    lefts = np.array([part.start for part in parts], dtype=np.int64)
    sizes = strides * (np.array([part.stop for part in parts], dtype=np.int64) - lefts)
    samples = np.zeros(1 + int(sizes.sum()), dtype=np.float32)
    stop = 1
    for crop, part, size, stride in zip(
        crops, parts, sizes.tolist(), strides.tolist(), strict=True
    ):
        start, stop = stop, stop + size
        if size:
            closed = samples[start:stop].reshape(-1, stride)
            _interpolate(crop.probabilities.T, columns, part, crop.left, closed[:, :-1])
    above = samples > threshold
    changes = np.flatnonzero(above[1:] != above[:-1])
    starts = sizes.cumsum() - sizes
    owners = np.searchsorted(starts, changes, side="right") - 1
    column, row = np.divmod(changes - starts[owners], strides[owners])
    tops = np.array([crop.top for crop in crops], dtype=np.int64)
    crossings = _crossings(
        rows, tops[owners] + row, samples[changes], samples[changes + 1], threshold
    )
    borders = (lefts[owners] + column) * height + crossings
    return _encoded(borders, owners, len(crops), height, width)


def _crossings(
    table: AxisInterpolation,
    later: IntArray,
    before: Float32Array,
    behind: Float32Array,
    threshold: float,
) -> IntArray:
    """The first target sample [M] behind each of M changes of colour.

    Args:
        table: of the axis.
        later: [M] the source sample behind the change, 0 to source.
        before: [M] value of the source sample before it, 0 where that lies outside of the map.
        behind: [M] its own value, 0 where it lies outside.
        threshold: the change's.
    """
    begin, end = table.begins[later], table.ends[later]
    crossing = begin.copy()
    rises = behind > threshold
    for step in range(int((end - begin).max(initial=0))):
        place = begin + step
        between = place < end
        weight = table.upper_weight[np.where(between, place, 0)]
        value = before * (1 - weight) + behind * weight
        crossing += between & ((value > threshold) != rises)
    return crossing


def _interpolate(
    samples: Float32Array,
    table: AxisInterpolation,
    part: slice,
    origin: int,
    target: Float32Array,
) -> None:
    """Fills target samples `part` of the first axis; samples [n, m] start at sample `origin`.

    A product with the table's matrix is the fastest way as long as the part is short; a long one is
    cut into blocks, which reach few source samples each.
    """
    length, reached = table.matrix.shape
    count, others = samples.shape
    block = max(8, math.isqrt(_LARGEST_PRODUCT * length // (others * reached)) - 4)
    for start in range(part.start, part.stop, block):
        stop = min(start + block, part.stop)
        low = max(table.low[start], origin)
        high = min(table.high[stop - 1] + 1, origin + count)
        np.matmul(
            table.matrix[start:stop, low:high],
            samples[low - origin : high - origin],
            out=target[start - part.start : stop - part.start],
        )


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
    return _encoded(borders, owners, len(crops), height, width)


def _borders(crops: Sequence[MaskCrop], height: int) -> tuple[IntArray, IntArray]:
    """Where the masks change colour: column-major positions in the frame and crop of each."""
    # columns of all crops behind each other, each closed by one background pixel at its foot
    sizes = np.array([(crop.mask.shape[0] + 1) * crop.mask.shape[1] for crop in crops])
    pixels = np.zeros(1 + int(sizes.sum()), dtype=np.bool_)
    stop = 1
    for crop in crops:
        rows, columns = crop.mask.shape
        start, stop = stop, stop + (rows + 1) * columns
        pixels[start:stop].reshape(columns, rows + 1)[:, :rows] = crop.mask.T
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
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


def _encoded(borders: IntArray, owners: IntArray, count: int, height: int, width: int) -> list[Rle]:
    """Run lengths of N masks from where they change colour, by mask and position."""
    runs, run_owners = _runs(borders, owners, count, height * width)
    return _compressed(runs, run_owners, count, height, width)


def _runs(
    borders: IntArray, owners: IntArray, count: int, pixels: int
) -> tuple[IntArray, IntArray]:
    """Run lengths of all masks behind each other, and the mask of each run."""
    # changes at one position cancel in pairs: a run that ends at a column's foot goes on where the
    # next one starts at the head
    differs = (borders[1:] != borders[:-1]) | (owners[1:] != owners[:-1])
    groups = np.flatnonzero(np.concatenate([[True], differs])) if borders.size else borders
    kept = groups[np.diff(np.append(groups, borders.size)) % 2 == 1]
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
