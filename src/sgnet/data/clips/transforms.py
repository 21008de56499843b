"""One geometric and colour transform for both frames of a clip pair."""

from __future__ import annotations

import os
import random
import traceback
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # its import asks the network otherwise
import albumentations as A  # noqa: E402
import cv2  # noqa: E402

from sgnet.data.clips.frames import (  # noqa: E402
    SIZE_DIVISOR,
    fit_within,
    resize_frame,
)
from sgnet.data.clips.mask_sizes import cut_at_half, resized_shares  # noqa: E402

UInt8Array = NDArray[np.uint8]


class ClipPairTransform:
    """An albumentations pipeline whose random numbers are the same for all images of a call.

    Images are first resized as in validation, keeping their aspect ratio, and padded with black
    at the right and bottom to the network's input size. Masks go through the steps as the shares of
    the pixels that they cover, bilinear whatever a step says of masks, and are cut at one half
    behind the last: a mask that is read at nearest pixels moves against its image.

    Args:
        size: (height, width) of the network's input, multiples of 8.
        steps: albumentations transforms in order; they must end at the same size.

    Raises:
        ValueError: a side is no multiple of 8.
    """

    def __init__(self, size: tuple[int, int], steps: Sequence[A.BasicTransform] = ()) -> None:
        self.size = (int(size[0]), int(size[1]))
        if any(side < SIZE_DIVISOR or side % SIZE_DIVISOR for side in self.size):
            raise ValueError(f"size must be multiples of {SIZE_DIVISOR}, got {self.size}")
        self.steps = tuple(steps)
        self._pipeline = A.Compose(
            list(self.steps),
            additional_targets={"reference": "image"},
            mask_interpolation=cv2.INTER_LINEAR,
        )

    def __call__(
        self, key: UInt8Array, reference: UInt8Array, masks: Sequence[UInt8Array], seed: int
    ) -> tuple[UInt8Array, UInt8Array, list[UInt8Array]]:
        """Transforms a pair of frames and the masks of both.

        Args:
            key: [H, W, 3] RGB.
            reference: [H, W, 3] RGB, of the same size.
            masks: [H, W] 0/1 each, of either frame.
            seed: all randomness of the call.

        Returns:
            Key frame, reference frame and masks at `size`.

        Raises:
            ValueError: a step failed, or they ended at another size, or not as RGB of uint8.
        """
        fitted = fit_within((key.shape[0], key.shape[1]), self.size)
        named = {
            "image": _filled_up(resize_frame(key, fitted), self.size),
            "reference": _filled_up(resize_frame(reference, fitted), self.size),
        }
        if masks:
            resized = [_filled_up(resized_shares(mask, fitted), self.size) for mask in masks]
            named["masks"] = np.stack(resized)
        # one stream for all steps; set_random_seed would start each step from the same number
        self._pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
        try:
            result = self._pipeline(**named)
        except Exception as error:
            raise ValueError(self._explained(error)) from error
        if result["image"].shape[:2] != self.size:
            raise ValueError(
                f"transform steps must end at (height, width) {self.size}, "
                f"got {result['image'].shape[:2]}; finish them with a crop or a resize"
            )
        for name in ("image", "reference"):
            if result[name].dtype != np.uint8 or result[name].shape[2:] != (3,):
                raise ValueError(
                    "transform steps must leave RGB of uint8, got "
                    f"{list(result[name].shape)} of {result[name].dtype}; the network normalises"
                )
        moved = [cut_at_half(shares) for shares in result.get("masks", [])]
        return result["image"], result["reference"], moved

    def _explained(self, error: Exception) -> str:
        """Which step could not take which image."""
        reason = f"{type(error).__name__}: {error}"
        for frame, _ in traceback.walk_tb(error.__traceback__):
            inside = frame.f_locals
            place = [n for n, step in enumerate(self.steps) if step is inside.get("self")]
            given = inside.get("kwargs", inside.get("data"))  # of a step; of one around others
            if place and isinstance(given, dict) and "image" in given:
                height, width = given["image"].shape[:2]
                return (
                    f"data.transform.steps.{place[0]} ({type(inside['self']).__name__}) cannot "
                    f"take an image of {width} x {height} pixels: {reason}"
                )
        return f"data.transform.steps failed: {reason}"


def _filled_up(image: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """The image [h, w, ...] with zeros at the right and bottom, [H, W, ...]."""
    down, right = size[0] - image.shape[0], size[1] - image.shape[1]
    if not down and not right:
        return image
    filled = cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(filled, dtype=np.uint8)
