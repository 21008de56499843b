"""The frame that everything is timed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.contestants import NUM_CLASSES, Contestant, Image
from benchmarks.forced import ForcedBoxes

COUNTS = (1, 10, 50, 100, 200)


@dataclass(frozen=True)
class Entry:
    """One line of the table.

    Attributes:
        contestant: what runs.
        count: forced detections.
        encode: with run lengths; without them ours and Mask R-CNN stop at different points.
        from_jpeg: with the decoding of the frame.
    """

    contestant: Contestant
    count: int
    encode: bool = True
    from_jpeg: bool = False


class Workload:
    """A frame of noise and the detections that are forced on it.

    Args:
        size: (height, width) of the frame.
        device: of the detections.

    Attributes:
        image: [H, W, 3] RGB.
        forced: by their number.
    """

    def __init__(self, size: tuple[int, int], device: str) -> None:
        random = np.random.default_rng(0)
        self.image: Image = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        self.forced = {
            count: ForcedBoxes.drawn(count, size, NUM_CLASSES, device) for count in COUNTS
        }
        self._jpeg = cv2.imencode(".jpg", self.image)[1]

    def call(self, entry: Entry) -> Callable[[], None]:
        """What runs one frame of an entry."""
        contestant, forced = entry.contestant, self.forced[entry.count]

        def run() -> None:
            """One frame."""
            contestant.force(forced)
            image = self._decoded() if entry.from_jpeg else self.image
            found = contestant.detect(image)
            if entry.encode:
                contestant.encode(found, image)

        return run

    def _decoded(self) -> Image:
        return np.asarray(cv2.imdecode(self._jpeg, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
