"""What a `shapes` data set contains: picture size, lengths and how often each difficulty occurs."""

from dataclasses import dataclass

GENERATOR_VERSION = 1
"""Raised whenever the same seed no longer gives the same videos, so that old copies regenerate."""

CATEGORY_NAMES = (
    "disc",
    "ring",
    "star",
    "crescent",
    "cross",
    "bar",
    "triangle",
    "heart",
)
"""Category names in the order of their ids, which start at 1."""

_REFERENCE_WIDTH = 256
_REFERENCE_HEIGHT = 144
_REFERENCE_MIN_AREA = 12.0


@dataclass(frozen=True)
class ShapesSpec:
    """Size and difficulty of a `shapes` data set; the default is `shapes_small`.

    Object sizes are relative to the shorter side of the frame and speeds to its longer one, so that
    the same spec in another size is the same benchmark in another resolution, and with the sides
    swapped the same in upright frames. Shares are shares of the videos.

    Attributes:
        width: Frame width in pixels.
        height: Frame height in pixels.
        min_frames: Fewest frames of a video.
        max_frames: Most frames of a video.
        min_objects: Fewest objects of a video that is no crowd.
        max_objects: Most objects of a video that is no crowd.
        min_crowd: Fewest objects of a crowd.
        max_crowd: Most objects of a crowd.
        min_diameter: Smallest usual object, in shorter sides.
        max_diameter: Largest object, in shorter sides; half of it in a crowd.
        small_share: Objects (not videos) down to half the usual smallest.
        crowd_share: Videos with many, smaller objects.
        fast_share: Videos whose objects move up to `max_speed`; the others up to half of it.
        empty_share: Videos in which all objects are away at the same time.
        crossing_share: Videos in which two objects meet and one hides the other.
        lookalike_share: Videos in which two objects share category and texture.
        occluder_share: Videos with an unlabelled pillar in the scene.
        camouflage_share: Videos whose object colours may come near the background's.
        camera_share: Videos with a moving camera.
        max_speed: Fastest typical movement, in longer sides a frame.
        jpeg_quality: Quality of the written frames, 1..100.

    Raises:
        ValueError: A size, range or share is out of bounds.
    """

    width: int = _REFERENCE_WIDTH
    height: int = _REFERENCE_HEIGHT
    min_frames: int = 12
    max_frames: int = 20
    min_objects: int = 1
    max_objects: int = 4
    min_crowd: int = 7
    max_crowd: int = 12
    min_diameter: float = 0.28
    max_diameter: float = 0.75
    small_share: float = 0.06
    crowd_share: float = 0.05
    fast_share: float = 0.08
    empty_share: float = 0.1
    crossing_share: float = 0.3
    lookalike_share: float = 0.3
    occluder_share: float = 0.12
    camouflage_share: float = 0.05
    camera_share: float = 0.6
    max_speed: float = 0.06
    jpeg_quality: int = 92

    def __post_init__(self) -> None:
        if self.width < 32 or self.height < 32:
            raise ValueError(
                f"frames must be at least 32 x 32 pixels, got {self.width} x {self.height}"
            )
        for name, low, high in (
            ("frames", self.min_frames, self.max_frames),
            ("objects", self.min_objects, self.max_objects),
            ("crowd", self.min_crowd, self.max_crowd),
        ):
            if not 1 <= low <= high:
                raise ValueError(f"expected 1 <= min_{name} <= max_{name}, got {low} and {high}")
        if not 0.0 < self.min_diameter < self.max_diameter:
            raise ValueError(
                "expected 0 < min_diameter < max_diameter, "
                f"got {self.min_diameter} and {self.max_diameter}"
            )
        for name, value in vars(self).items():
            if name.endswith("_share") and not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} must be within 0..1, got {value}")
        if not 0.0 <= self.max_speed <= 0.25:
            raise ValueError(f"max_speed must be within 0..0.25 longer sides, got {self.max_speed}")
        if not 1 <= self.jpeg_quality <= 100:
            raise ValueError(f"jpeg_quality must be within 1..100, got {self.jpeg_quality}")

    @property
    def shorter_side(self) -> int:
        """The frame's height; its width where it is upright."""
        return min(self.width, self.height)

    @property
    def longer_side(self) -> int:
        """The frame's width; its height where it is upright."""
        return max(self.width, self.height)

    @property
    def pixel_scale(self) -> float:
        """Size of a pixel-valued constant relative to the 256-pixel-wide frame."""
        return self.longer_side / _REFERENCE_WIDTH

    @property
    def min_visible_area(self) -> float:
        """Smallest visible area in pixels that is annotated: 12 in a 256x144 frame."""
        pixels = self.width * self.height
        return _REFERENCE_MIN_AREA * pixels / (_REFERENCE_WIDTH * _REFERENCE_HEIGHT)


SHAPES_SMALL = ShapesSpec()
"""256x144: the size for training on a CPU."""

SHAPES = ShapesSpec(width=640, height=360)
"""640x360: the paper's input size."""
