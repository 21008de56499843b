"""One geometric and colour transform for both frames of a clip pair."""

from __future__ import annotations

import copy
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
    fit_size,
    resize_frame,
)
from sgnet.data.clips.mask_sizes import cut_at_half, resized_shares  # noqa: E402
from sgnet.ops.frame_sizes import turned_to  # noqa: E402

UInt8Array = NDArray[np.uint8]
SIDES = (("height", "width"), ("min_height", "min_width"), ("max_height", "max_width"))
SIZES = ("size", "target_size", "max_size_hw")  # (height, width) each


class ClipPairTransform:
    """An albumentations pipeline whose random numbers are the same for all images of a call.

    Images are first resized as in validation, keeping their aspect ratio, and padded with black
    at the right and bottom to the network's input size. Masks go through the steps as the shares of
    the pixels that they cover, bilinear whatever a step says of masks, and are cut at one half
    behind the last: a mask that is read at nearest pixels moves against its image.

    Pairs of the other orientation than the size's get its sides exchanged, and so do the sizes that
    steps are set to: those in `SIDES` and `SIZES`, under any `OneOf` or `Sequential`.

    Args:
        size: (height, width) of the network's input for landscape frames, multiples of 8.
        steps: albumentations transforms in order; they must end at the same size.

    Raises:
        ValueError: a side is no multiple of 8.
    """

    def __init__(self, size: tuple[int, int], steps: Sequence[A.BasicTransform] = ()) -> None:
        self.size = (int(size[0]), int(size[1]))
        if any(side < SIZE_DIVISOR or side % SIZE_DIVISOR for side in self.size):
            raise ValueError(f"size must be multiples of {SIZE_DIVISOR}, got {self.size}")
        self.steps = tuple(steps)
        self._turned_steps = tuple(turned_step(step) for step in self.steps)
        self._pipelines = {
            turned: A.Compose(
                list(steps),
                additional_targets={"reference": "image"},
                mask_interpolation=cv2.INTER_LINEAR,
            )
            for turned, steps in ((False, self.steps), (True, self._turned_steps))
        }

    def turns(self, original: tuple[int, int]) -> bool:
        """Whether frames of a (height, width) come out with the sides of `size` exchanged."""
        return turned_to(self.size, original) != self.size

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
            Key frame, reference frame and masks at `size`, or with its sides exchanged.

        Raises:
            ValueError: a step failed, or they ended at another size, or not as RGB of uint8.
        """
        original = (key.shape[0], key.shape[1])
        fitted, size = fit_size(original, self.size), turned_to(self.size, original)
        named = {
            "image": _filled_up(resize_frame(key, fitted), size),
            "reference": _filled_up(resize_frame(reference, fitted), size),
        }
        if masks:
            resized = [_filled_up(resized_shares(mask, fitted), size) for mask in masks]
            named["masks"] = np.stack(resized)
        # one stream for all steps; set_random_seed would start each step from the same number
        pipeline = self._pipelines[size != self.size]
        pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
        try:
            result = pipeline(**named)
        except Exception as error:
            raise ValueError(self._explained(error)) from error
        if result["image"].shape[:2] != size:
            raise ValueError(
                f"transform steps must end at (height, width) {size}, "
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
            pairs = enumerate(zip(self.steps, self._turned_steps, strict=True))
            place = [n for n, steps in pairs if any(s is inside.get("self") for s in steps)]
            given = inside.get("kwargs", inside.get("data"))  # of a step; of one around others
            if place and isinstance(given, dict) and "image" in given:
                height, width = given["image"].shape[:2]
                return (
                    f"data.transform.steps.{place[0]} ({type(inside['self']).__name__}) cannot "
                    f"take an image of {width} x {height} pixels: {reason}"
                )
        return f"data.transform.steps failed: {reason}"


def turned_step(step: A.BasicTransform) -> A.BasicTransform:
    """A copy of a step for frames of the other orientation: heights are widths.

    Args:
        step: of albumentations, or others around which it is.
    """
    turned = copy.deepcopy(step)
    waiting = [turned]
    while waiting:
        one = waiting.pop()
        waiting += getattr(one, "transforms", [])
        for high, wide in SIDES:
            if hasattr(one, high) and hasattr(one, wide):
                height, width = getattr(one, high), getattr(one, wide)
                setattr(one, high, width)
                setattr(one, wide, height)
        for name in SIZES:
            size = getattr(one, name, None)
            if isinstance(size, Sequence) and len(size) == 2:
                setattr(one, name, (size[1], size[0]))
    return turned


def _filled_up(image: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """The image [h, w, ...] with zeros at the right and bottom, [H, W, ...]."""
    down, right = size[0] - image.shape[0], size[1] - image.shape[1]
    if not down and not right:
        return image
    filled = cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(filled, dtype=np.uint8)
