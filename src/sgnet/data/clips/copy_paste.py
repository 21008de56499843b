"""Objects cut from one clip with their motion and pasted in front of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from sgnet.data.clips.mask_sizes import cut_at_half, resized_shares, warped_shares
from sgnet.data.clips.raw_pairs import RawFrame, RawPair, UInt8Array

Matrix = NDArray[np.float64]
LARGEST_ID = 2**31


@dataclass(frozen=True)
class Placement:
    """Where a cut object goes: the same for all frames of a clip, so its motion stays real.

    Attributes:
        scale: of the object.
        flip: mirrored.
        x: where the middle of the scaled and mirrored clip's first pixel goes, in pixels.
        y: the same, downwards.
    """

    scale: float
    flip: bool
    x: float
    y: float

    def matrix(self, width: int) -> Matrix:
        """[2, 3] from pixels of the cut frames to those of the frames pasted into.

        Args:
            width: of the cut frames.
        """
        across = (
            (-self.scale, self.x + self.scale * (width - 1))
            if self.flip
            else (
                self.scale,
                self.x,
            )
        )
        return np.array([[across[0], 0, across[1]], [0, self.scale, self.y]], dtype=np.float64)


@dataclass(frozen=True)
class PasteRules:
    """How placements are drawn.

    Args:
        scale: of the object's size in its own clip, relative to the sides of the frames, the long
            one to the long one, least and most.
        inside: share of each side of the object's box that lies within the frame, at least, in the
            frame that the placement is drawn for.
        flip: probability.

    Raises:
        ValueError: a setting is out of range.
    """

    scale: tuple[float, float] = (0.5, 1.25)
    inside: float = 0.6
    flip: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be two factors above 0, got {self.scale}")
        if not (0 < self.inside <= 1 and 0 <= self.flip <= 1):
            raise ValueError(
                f"inside and flip must be shares, got inside {self.inside} and flip {self.flip}"
            )

    def draw(
        self, mask: UInt8Array, size: tuple[int, int], random: np.random.Generator
    ) -> Placement:
        """A placement for an object.

        Args:
            mask: [H, W] of the object in a frame of its clip that shows it.
            size: (height, width) of the frames pasted into.
            random: of the placement.
        """
        width = mask.shape[1]
        # long sides against long ones: upright frames and others are seen at one scale
        fit = min(max(size) / max(mask.shape), min(size) / min(mask.shape))
        scale = fit * float(random.uniform(*self.scale))
        flip = bool(random.uniform() < self.flip)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        left, right = float(columns[0]), float(columns[-1] + 1)
        if flip:
            left, right = width - right, width - left
        top, bottom = float(rows[0]), float(rows[-1] + 1)
        x = self._offset(left * scale, right * scale, size[1], random)
        y = self._offset(top * scale, bottom * scale, size[0], random)
        # pixel centres are whole numbers: half a pixel grows with the scale
        half = (scale - 1) / 2
        return Placement(scale, flip, x + half, y + half)

    def _offset(self, low: float, high: float, side: int, random: np.random.Generator) -> float:
        """So that the interval moved by it lies inside for a good part."""
        out = (1 - self.inside) * (high - low)
        least, most = -low - out, side - high + out
        return float(random.uniform(min(least, most), max(least, most)))


def pasted(
    frame: RawFrame, cut: RawFrame, chosen: Sequence[int], ids: Sequence[int], where: Placement
) -> RawFrame:
    """A frame with objects of another in front of its own, which they hide.

    Edges are mixed over a pixel. A pixel belongs to the object in front where that covers one half
    of it, and to no other.

    Args:
        frame: pasted into.
        cut: the objects' own frame, of any size.
        chosen: positions of the objects in it.
        ids: of these objects in the new frame.
        where: placement of all of them.
    """
    if not chosen:
        return frame
    matrix = where.matrix(cut.size[1])
    image = _moved_image(cut.image, matrix, frame.size)
    masks = [_moved_mask(cut.masks[i], matrix, frame.size) for i in chosen]
    front = np.maximum.reduce(masks)
    alpha = np.minimum(cv2.GaussianBlur(front.astype(np.float32), (3, 3), 0), front)[..., None]
    mixed = frame.image * (1 - alpha) + image * alpha
    behind = tuple(np.asarray(mask * (1 - front), dtype=np.uint8) for mask in frame.masks)
    joined = RawFrame(
        frame.image,
        (*frame.labels, *(cut.labels[i] for i in chosen)),
        (*frame.track_ids, *ids),
        (*behind, *masks),
    )
    return joined.having(np.rint(mixed).astype(np.uint8), joined.masks)


def _moved_image(image: UInt8Array, matrix: Matrix, size: tuple[int, int]) -> UInt8Array:
    """The image at its place in a frame (height, width), averaged where it shrinks."""
    if matrix[1, 1] < 1:  # a warp reads four pixels and averages no more
        small = [max(1, round(side * float(matrix[1, 1]))) for side in image.shape[:2]]
        matrix = matrix @ _back(image.shape[1] / small[1], image.shape[0] / small[0])
        image = np.asarray(cv2.resize(image, small[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    # masks end at the border of their frame; its pixels go on there, or edges would be dark
    border = cv2.BORDER_REPLICATE
    warped = cv2.warpAffine(image, matrix, size[::-1], flags=cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(warped, dtype=np.uint8)


def _moved_mask(mask: UInt8Array, matrix: Matrix, size: tuple[int, int]) -> UInt8Array:
    """The 0/1 mask at its place in a frame (height, width).

    Averaged over whole numbers of pixels and then warped to at least half of that size. Edges that
    all lie at one share of a pixel move together with it; of many placements none is moved.
    """
    times = max(1, int(1 / float(matrix[1, 1]) + 1e-9))
    down, right = (-side % times for side in mask.shape)
    whole = cv2.copyMakeBorder(mask, 0, down, 0, right, cv2.BORDER_CONSTANT, value=0)
    small = (whole.shape[0] // times, whole.shape[1] // times)
    shares = resized_shares(np.asarray(whole, dtype=np.uint8), small)
    return cut_at_half(warped_shares(shares, matrix @ _back(times, times), size))


def _back(across: float, down: float) -> Matrix:
    """[3, 3] from pixels that are so many times larger to those before; centres are whole."""
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])


@dataclass(frozen=True)
class ClipCopyPaste:
    """Pastes objects of another clip pair into a pair, with their motion between its frames.

    Args:
        probability: that a pair gets any.
        most: objects at most.
        rules: of where.

    Raises:
        ValueError: a setting is out of range.
    """

    probability: float = 0.5
    most: int = 3
    rules: PasteRules = PasteRules()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1 or self.most < 1:
            raise ValueError(
                "probability must be a share and most at least 1, got "
                f"{self.probability} and {self.most}"
            )

    def wants(self, random: np.random.Generator) -> bool:
        """Whether a pair gets objects."""
        return bool(random.uniform() < self.probability)

    def __call__(self, pair: RawPair, other: RawPair, random: np.random.Generator) -> RawPair:
        """The pair with objects of the other in front.

        Each object is placed for itself: of stills, too, objects then move against each other.

        Args:
            pair: pasted into.
            other: cut from; nothing is taken where its key frame shows nothing.
            random: of objects and places.
        """
        count = len(other.key.masks)
        chosen = random.permutation(count)[: int(random.integers(1, self.most + 1))]
        key, reference = pair.key, pair.reference
        first = LARGEST_ID + max((0, *key.track_ids, *reference.track_ids))
        for step, position in enumerate(chosen.tolist(), start=1):
            number = other.key.track_ids[position]
            where = self.rules.draw(other.key.masks[position], key.size, random)
            in_reference = [i for i, t in enumerate(other.reference.track_ids) if t == number]
            key = pasted(key, other.key, [position], [first + step], where)
            reference = pasted(reference, other.reference, in_reference, [first + step], where)
        together = replace(pair, replaced=pair.replaced + other.replaced)
        return together.having(key, reference)
