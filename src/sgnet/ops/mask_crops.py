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
Int32Array = NDArray[np.int32]  # positions in a frame: twice as fast as 64 bits
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
        upper_weight: [target + widest gap] weight of the later one of the two; behind the last
            target sample 0.
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
    begins: Int32Array
    ends: Int32Array
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
    beyond = np.zeros((ends - begins).max(), dtype=np.float32)
    return AxisInterpolation(
        matrix=matrix,
        upper_weight=np.concatenate([weight, beyond]),
        low=low.tolist(),
        high=high.tolist(),
        begins=begins.astype(np.int32),
        ends=ends.astype(np.int32),
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

    Raises:
        ValueError: a frame of 2**31 pixels or more.
    """
    height, width = frame_size
    _check_frame(height, width)
    if not crops:
        return []
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
    column, row, counts = _places(changes, sizes, strides)
    tops = np.array([crop.top for crop in crops], dtype=np.int32)
    crossings = _crossings(
        rows, tops.repeat(counts) + row, samples[changes], samples[changes + 1], threshold
    )
    column += lefts.astype(np.int32).repeat(counts)
    return _encoded(column * np.int32(height) + crossings, counts, height, width)


def _places(
    changes: IntArray, sizes: IntArray, strides: IntArray
) -> tuple[Int32Array, Int32Array, IntArray]:
    """Columns [M] and rows [M] of M positions in N crops, and how many of them each crop has [N].

    Args:
        changes: [M] rising positions in the columns of all crops behind each other.
        sizes: [N] length of each crop's columns together.
        strides: [N] length of one of its columns.
    """
    ends = sizes.cumsum()
    counts = np.diff(np.searchsorted(changes, ends), prepend=0)
    inside = (changes - (ends - sizes).repeat(counts)).astype(np.int32)
    column, row = np.divmod(inside, strides.astype(np.int32).repeat(counts))
    return column, row, counts


def _crossings(
    table: AxisInterpolation,
    later: Int32Array,
    before: Float32Array,
    behind: Float32Array,
    threshold: float,
) -> Int32Array:
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
        place = begin + np.int32(step)
        weight = table.upper_weight[place]
        value = before * (1 - weight) + behind * weight
        crossing += (place < end) & ((value > threshold) != rises)
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
        ValueError: a crop reaches out of the frame, or a frame of 2**31 pixels or more.
    """
    _check_frame(height, width)
    for index, crop in enumerate(crops):
        bottom, right = crop.top + crop.mask.shape[0], crop.left + crop.mask.shape[1]
        if min(crop.top, crop.left) < 0 or bottom > height or right > width:
            raise ValueError(
                f"crop {index} must lie inside of {height} x {width} pixels, got rows "
                f"{crop.top} to {bottom}, columns {crop.left} to {right}"
            )
    if not crops:
        return []
    borders, counts = _borders(crops, height)
    return _encoded(borders, counts, height, width)


def _check_frame(height: int, width: int) -> None:
    if height * width >= 2**31:
        raise ValueError(f"frames must have less than 2**31 pixels, got {height} x {width}")


def _borders(crops: Sequence[MaskCrop], height: int) -> tuple[Int32Array, IntArray]:
    """Where the masks change colour, column-major in the frame, and how many such each crop has."""
    # columns of all crops behind each other, each closed by one background pixel at its foot
    strides = np.array([crop.mask.shape[0] + 1 for crop in crops], dtype=np.int64)
    sizes = strides * np.array([crop.mask.shape[1] for crop in crops], dtype=np.int64)
    pixels = np.zeros(1 + int(sizes.sum()), dtype=np.bool_)
    stop = 1
    for crop in crops:
        rows, columns = crop.mask.shape
        start, stop = stop, stop + (rows + 1) * columns
        pixels[start:stop].reshape(columns, rows + 1)[:, :rows] = crop.mask.T
    column, row, counts = _places(np.flatnonzero(pixels[1:] != pixels[:-1]), sizes, strides)
    tops, lefts = (
        np.array(values, dtype=np.int32).repeat(counts)
        for values in ([crop.top for crop in crops], [crop.left for crop in crops])
    )
    return (lefts + column) * np.int32(height) + tops + row, counts


def _encoded(borders: Int32Array, counts: IntArray, height: int, width: int) -> list[Rle]:
    """COCO's compressed form of N masks, from where they change colour.

    Args:
        borders: [M] column-major positions, rising within each mask.
        counts: [N] how many of them each mask has.
        height: of the frame.
        width: of the frame.
    """
    runs, firsts = _runs(borders, counts, height * width)
    characters, lengths = _characters(_differences(runs, firsts))
    ends = np.add.reduceat(lengths, firsts).cumsum().tolist()
    text = characters.tobytes()
    pieces = zip([0, *ends[:-1]], ends, strict=True)
    return [Rle(height, width, text[start:end]) for start, end in pieces]


def _runs(borders: Int32Array, counts: IntArray, pixels: int) -> tuple[Int32Array, IntArray]:
    """Run lengths of all masks behind each other, and the index of each mask's first."""
    # changes at one position cancel in pairs: a run that ends at a column's foot goes on where the
    # next one starts at the head
    differs = np.ones(borders.size + 1, dtype=np.bool_)
    differs[1:-1] = borders[1:] != borders[:-1]
    ends = counts.cumsum()
    differs[ends] = True
    groups = np.flatnonzero(differs)
    kept = groups[:-1][(np.diff(groups) & 1).astype(np.bool_)]
    kept = kept[borders[kept] != pixels]
    ends = np.searchsorted(kept, ends)
    stops = np.insert(borders[kept], ends, pixels)  # the last run of a mask ends with the frame
    firsts = np.zeros_like(ends)
    firsts[1:] = ends[:-1] + np.arange(1, len(ends))
    runs = stops.copy()
    runs[1:] -= stops[:-1]
    runs[firsts] = stops[firsts]
    return runs, firsts


def _differences(runs: Int32Array, firsts: IntArray) -> Int32Array:
    """Each run behind a mask's third as its difference to the one two before."""
    values = runs.copy()
    values[2:] -= runs[:-2]
    for place in range(3):
        whole = (firsts + place)[firsts + place < np.append(firsts[1:], runs.size)]
        values[whole] = runs[whole]
    return values


def _characters(values: Int32Array) -> tuple[NDArray[np.uint8], IntArray]:
    """Signed values as 5-bit groups, lowest first: all characters and the number of each value."""
    magnitude = values ^ (values >> 31)
    places = 1 + max(0, int(magnitude.max(initial=0)).bit_length()) // _GROUP_BITS
    groups = np.empty((values.size, places), dtype=np.uint8)
    needed = np.ones((values.size, places), dtype=np.bool_)
    lengths = np.ones(values.size, dtype=np.int64)
    for place in range(places):
        groups[:, place] = ((values >> (_GROUP_BITS * place)) & 31) + 48
        if place:
            # the highest bit of a value is its sign
            more = magnitude >= 1 << (_GROUP_BITS * place - 1)
            needed[:, place] = more
            lengths += more
            groups[:, place - 1] += more.view(np.uint8) << 5
    return groups[needed], lengths
