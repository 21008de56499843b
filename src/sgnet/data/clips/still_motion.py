"""Pseudo clip pairs from single images: a smooth motion of the camera over the still."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sgnet.data.clips.mask_sizes import cut_at_half, resized_shares, warped_shares
from sgnet.data.clips.raw_pairs import RawFrame, RawPair

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class StillMotion:
    """Two views of one image, as a moving camera has them; videos stay as they are.

    Each frame sees a window of the image, so that no border appears: the reference frame a random
    one, the key frame one that is moved, zoomed and turned a little against it.

    Args:
        window: sides of the windows as a share of the image's, least and most, below 1.
        shift: of the centre between the frames, at most, as a share of the image's sides.
        zoom: of the window between the frames, at most, as a share.
        turn: between the frames, at most, degrees.

    Raises:
        ValueError: a setting is out of range.
    """

    window: tuple[float, float] = (0.7, 0.95)
    shift: float = 0.08
    zoom: float = 0.06
    turn: float = 3.0

    def __post_init__(self) -> None:
        low, high = self.window
        if not 0.1 <= low <= high < 1:
            raise ValueError(f"window must be shares from 0.1 to below 1, got {self.window}")
        if not (0 <= self.shift < 1 and 0 <= self.zoom <= 0.5 and 0 <= self.turn <= 45):
            raise ValueError(
                "shift must be a share in [0, 1), zoom in [0, 0.5] and turn at most 45 degrees, "
                f"got {self.shift}, {self.zoom} and {self.turn}"
            )

    def __call__(self, pair: RawPair, random: np.random.Generator) -> RawPair:
        """A pair of a still as two views of it; any other pair as it is.

        Args:
            pair: of one image, or of a video.
            random: of the motion.
        """
        if not pair.is_still:
            return pair
        side = random.uniform(*self.window)
        zoom, angle = random.uniform(-self.zoom, self.zoom), random.uniform(-self.turn, self.turn)
        sides = (side, min(side * (1 + zoom), 0.98))
        centers = [random.uniform(side / 2, 1 - side / 2, size=2)]
        moved = centers[0] + random.uniform(-self.shift, self.shift, size=2)
        centers.append(np.clip(moved, sides[1] / 2, 1 - sides[1] / 2))
        reference, key = (
            view(pair.key, center, of_window, turned)
            for center, of_window, turned in zip(centers, sides, (0.0, angle), strict=True)
        )
        return pair.having(key, reference)


def view(frame: RawFrame, center: NDArray[np.float64], side: float, angle: float) -> RawFrame:
    """What a window of a frame shows, at the frame's size.

    Corners that a turned window has outside of the image are filled with its mirror image; no
    object is there.

    Args:
        frame: with its objects.
        center: of the window, x and y as shares of the sides.
        side: of the window as a share of the frame's.
        angle: degrees.
    """
    height, width = frame.size
    middle = (center[0] * width - 0.5, center[1] * height - 0.5)  # pixel centres are whole numbers
    matrix: Matrix = cv2.getRotationMatrix2D(middle, angle, 1 / side)
    matrix[:, 2] += ((width - 1) / 2 - middle[0], (height - 1) / 2 - middle[1])
    size = (width, height)
    image = cv2.warpAffine(
        frame.image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    masks = tuple(
        cut_at_half(warped_shares(resized_shares(mask, frame.size), matrix, frame.size))
        for mask in frame.masks
    )
    return frame.having(np.asarray(image, dtype=np.uint8), masks)
