"""Embedded benchmark: videos of moving shapes in the YouTube-VIS format."""

from sgnet.data.shapes.spec import CATEGORY_NAMES, SHAPES, SHAPES_SMALL, ShapesSpec
from sgnet.data.shapes.writer import generate_shapes

__all__ = [
    "CATEGORY_NAMES",
    "SHAPES",
    "SHAPES_SMALL",
    "ShapesSpec",
    "generate_shapes",
]
