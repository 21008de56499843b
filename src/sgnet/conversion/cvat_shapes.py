"""Shapes of CVAT's XML: polygons, boxes, ellipses and masks."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from sgnet.conversion.regions import (
    Points,
    box_mask,
    checked_points,
    ellipse_mask,
    limited,
    pasted_mask,
    polygon_mask,
)
from sgnet.files.checked_json import JsonEntry
from sgnet.files.xml_file import as_entry, with_numbers
from sgnet.ops.rle import MAX_SIDE, box_xywh, decode
from sgnet.records import Rle

SHAPES = ("polygon", "box", "ellipse", "mask")
IGNORED = ("tag", "attribute")


@dataclass(frozen=True)
class Shape:
    """One shape of one frame.

    Attributes:
        entry: its attributes, numbers as numbers.
        kind: one of `SHAPES`.
        points: [N, 2] of a polygon, [2, 2] corners of a box, centre and radii of an ellipse, else
            none.
    """

    entry: JsonEntry
    kind: str
    points: Points

    def mask(self, size: tuple[int, int]) -> Rle:
        """The shape's pixels in a frame of (height, width)."""
        if self.kind == "polygon":
            return polygon_mask(self.points, size)
        if self.kind == "box":
            return box_mask(self.points, size)
        if self.kind == "ellipse":
            return ellipse_mask(self.points[0], self.points[1], size)
        return _decoded(self.entry, size)


def parse_shape(file: str, name: str, element: Element, boxes: bool) -> Shape:
    """Reads and checks a shape.

    Args:
        file: for messages.
        name: of the element, for messages.
        element: the shape.
        boxes: take boxes for masks.

    Raises:
        ValueError: a kind of shape that is no mask, or a malformed one.
    """
    entry = with_numbers(as_entry(file, name, element))
    if element.tag not in SHAPES:
        raise entry.error(f"expected one of {', '.join(SHAPES)}, got <{element.tag}>")
    if element.tag == "box" and not boxes:
        raise entry.error("expected a mask or polygon, got a box (boxes=mask takes it for a mask)")
    if entry.fields.get("rotation") not in (None, 0, 0.0):
        raise entry.wrong("rotation", "0; draw a polygon instead")
    if element.tag == "polygon":
        pairs = [
            [with_numbers(JsonEntry("", "", {"": n})).fields[""] for n in pair.split(",")]
            for pair in str(entry.fields.get("points", "")).split(";")
        ]
        return Shape(entry, "polygon", checked_points(entry, "points", pairs, 3))
    names = {"box": ("xtl", "ytl", "xbr", "ybr"), "ellipse": ("cx", "cy", "rx", "ry")}
    numbers = [entry.number(name) for name in names.get(element.tag, ())]
    points = limited(entry, "corners", np.array(numbers, dtype=np.float64).reshape(-1, 2))
    return Shape(entry, element.tag, points)


def _decoded(entry: JsonEntry, size: tuple[int, int]) -> Rle:
    """A mask: row-major run lengths over its box, background first."""
    left, top = entry.integer("left"), entry.integer("top")
    width = entry.integer("width", 1, MAX_SIDE)
    height = entry.integer("height", 1, MAX_SIDE)
    if left + width > size[1] or top + height > size[0]:
        raise entry.error(
            f"left, top, width, height must be inside the frame of {size[1]} x {size[0]} pixels, "
            f"got {left}, {top}, {width}, {height}"
        )
    texts = str(entry.fields.get("rle", "")).split(",")
    if not all(text.strip().isdecimal() and len(text) < 19 for text in texts):
        raise entry.wrong("rle", "run lengths, separated by commas")
    runs = np.array([int(text) for text in texts], dtype=np.int64)
    if sum(runs.tolist()) != width * height:
        raise entry.error(
            f"rle must sum to {width} x {height} = {width * height} pixels, got {runs.sum()}"
        )
    colours = (np.arange(runs.size) % 2).astype(np.bool_)
    return pasted_mask(np.repeat(colours, runs).reshape(height, width), left, top, size)


def mask_attributes(mask: Rle) -> dict[str, str]:
    """The attributes `rle`, `left`, `top`, `width`, `height` of a mask with pixels."""
    left, top, width, height = (int(value) for value in box_xywh(mask))
    part = decode(mask)[top : top + height, left : left + width]
    return {
        "rle": ", ".join(map(str, _runs(part).tolist())),
        "left": str(left),
        "top": str(top),
        "width": str(width),
        "height": str(height),
    }


def _runs(part: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Row-major run lengths of [h, w], background first, with a run of 0 where it has none."""
    flat = np.concatenate([[0], part.reshape(-1)])
    borders = np.flatnonzero(np.diff(flat)) + 0
    ends = np.concatenate([borders, [part.size]])
    return np.diff(ends, prepend=0).astype(np.int64)


def between(before: Shape, after: Shape, share: float) -> Shape:
    """A shape between two keyframes, points moved in straight lines.

    Args:
        before: the earlier one.
        after: of the same kind with as many points.
        share: 0 at `before`, 1 at `after`.

    Raises:
        ValueError: they are masks, of different kinds, or differ in the number of points.
    """
    same = before.kind == after.kind and before.points.shape == after.points.shape
    if not same or before.kind == "mask":
        raise after.entry.error(
            "expected a shape for every frame, or polygons of as many points at two keyframes, "
            f"got {_described(before)} and then {_described(after)} with frames between"
        )
    points = (1 - share) * before.points + share * after.points
    return Shape(before.entry, before.kind, points)


def _described(shape: Shape) -> str:
    points = f" of {len(shape.points)} points" if shape.kind == "polygon" else ""
    return f"a {shape.kind}{points} in frame {shape.entry.fields.get('frame')}"
