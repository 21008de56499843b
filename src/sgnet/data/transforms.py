"""One geometric and colour transform for both frames of a clip pair."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # its import asks the network otherwise
import albumentations as A  # noqa: E402

UInt8Array = NDArray[np.uint8]


class ClipPairTransform:
    """An albumentations pipeline whose random numbers are the same for all images of a call.

    Args:
        size: (height, width) of the network's input; every image is resized to it first.
        steps: albumentations transforms in order; they must end at the same size.
    """

    def __init__(self, size: tuple[int, int], steps: Sequence[A.BasicTransform] = ()) -> None:
        self.size = (int(size[0]), int(size[1]))
        self._pipeline = A.Compose(
            [A.Resize(*self.size), *steps], additional_targets={"reference": "image"}
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
            ValueError: the steps ended at another size.
        """
        self._pipeline.set_random_seed(seed)
        named = {"image": key, "reference": reference}
        if masks:
            named["masks"] = np.stack(masks)
        result = self._pipeline(**named)
        if result["image"].shape[:2] != self.size:
            raise ValueError(
                f"transform steps must end at (height, width) {self.size}, "
                f"got {result['image'].shape[:2]}; finish them with a crop or a resize"
            )
        return result["image"], result["reference"], list(result.get("masks", []))
