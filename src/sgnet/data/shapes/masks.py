"""Coverage and visible masks of a scene's objects."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sgnet.data.shapes.outlines import Contours
from sgnet.data.shapes.scene import Scene

ByteArray = NDArray[np.uint8]

SAMPLES = 4
"""Samples of a pixel: two by two."""

_SHIFT = 4  # fractional bits of the vertices given to cv2.fillPoly
_FAR = 4096  # vertices farther than this from the rectangle are cut, against overflow


@dataclass(frozen=True)
class Rectangle:
    """Pixels x0 <= x < x1, y0 <= y < y1."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.y1 - self.y0

    @property
    def width(self) -> int:
        """Columns."""
        return self.x1 - self.x0

    @property
    def window(self) -> tuple[slice, slice]:
        """Index of the rectangle in an image."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)


def bounding_rectangle(contours: Contours, width: int, height: int) -> Rectangle | None:
    """Smallest rectangle of frame pixels that the contours can touch; None if there is none."""
    low = np.min([points.min(axis=0) for points in contours], axis=0)
    high = np.max([points.max(axis=0) for points in contours], axis=0)
    x0, y0 = (max(int(np.floor(value)) - 1, 0) for value in low)
    x1 = min(int(np.ceil(high[0])) + 1, width)
    y1 = min(int(np.ceil(high[1])) + 1, height)
    return Rectangle(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def coverage(contours: Contours, rectangle: Rectangle) -> ByteArray:
    """Samples covered of each pixel of a rectangle, 0..4, by the even-odd rule.

    Integer arithmetic from the rounding of the vertices on, so the same on every machine.
    cv2.fillPoly also fills the samples on the outline: a shape is a quarter pixel wider all round.

    Args:
        contours: Each [P, 2] in frame pixels.
        rectangle: Pixels to fill.

    Returns:
        [rectangle.height, rectangle.width].
    """
    origin = np.array([rectangle.x0, rectangle.y0], dtype=np.float64)
    vertices = [
        np.rint(np.clip(2.0 * (points - origin) - 0.5, -_FAR, _FAR) * (1 << _SHIFT)).astype(
            np.int32
        )
        for points in contours
    ]
    samples = np.zeros((2 * rectangle.height, 2 * rectangle.width), dtype=np.uint8)
    cv2.fillPoly(samples, vertices, 1, lineType=cv2.LINE_8, shift=_SHIFT)
    rows = samples[0::2] + samples[1::2]
    counts: ByteArray = rows[:, 0::2] + rows[:, 1::2]
    return counts


def full_mask(scene: Scene, index: int, frame: int) -> ByteArray:
    """Mask [H, W] of 0 and 1 of an object as if nothing were in front of it."""
    mask = np.zeros((scene.height, scene.width), dtype=np.uint8)
    contours = scene.contours(scene.objects[index], scene.time_of(frame))
    rectangle = bounding_rectangle(contours, scene.width, scene.height)
    if rectangle is not None:
        mask[rectangle.window] = coverage(contours, rectangle) * 2 >= SAMPLES
    return mask


def visible_masks(scene: Scene, frame: int) -> tuple[ByteArray, ...]:
    """Visible masks [H, W] of 0 and 1 of all objects at a frame's middle time, back to front.

    A pixel belongs to the frontmost object that covers half of it, so the masks are disjoint.
    """
    free = np.ones((scene.height, scene.width), dtype=np.uint8)
    masks: list[ByteArray] = []
    for index in reversed(range(len(scene.objects))):
        mask = full_mask(scene, index, frame)
        masks.append(mask & free)
        free &= 1 - mask
    return tuple(reversed(masks))
