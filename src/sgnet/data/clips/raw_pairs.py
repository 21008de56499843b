"""Clip pairs as they are stored, before any transform."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

UInt8Array = NDArray[np.uint8]


@dataclass(frozen=True)
class RawFrame:
    """One frame with its N objects in original pixels.

    Attributes:
        image: [H, W, 3] RGB.
        labels: N class indices.
        track_ids: N annotation ids, equal for the same object in both frames.
        masks: N masks [H, W] of 0 and 1.
    """

    image: UInt8Array
    labels: tuple[int, ...]
    track_ids: tuple[int, ...]
    masks: tuple[UInt8Array, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.image.shape[0], self.image.shape[1]

    def having(self, image: UInt8Array, masks: tuple[UInt8Array, ...]) -> RawFrame:
        """The same objects in another image; those without pixels are left out."""
        seen = [i for i, mask in enumerate(masks) if mask.any()]
        return RawFrame(
            image,
            tuple(self.labels[i] for i in seen),
            tuple(self.track_ids[i] for i in seen),
            tuple(masks[i] for i in seen),
        )


@dataclass(frozen=True)
class RawPair:
    """Key and reference frame of one size.

    Attributes:
        key: the key frame.
        reference: the frame before it.
        name: the key frame's file.
        is_still: both are the same image.
        replaced: what was wrong with the frames of the pairs that this one stands in for.
    """

    key: RawFrame
    reference: RawFrame
    name: str
    is_still: bool
    replaced: tuple[str, ...] = ()

    def having(self, key: RawFrame, reference: RawFrame) -> RawPair:
        """The same pair with other frames."""
        return replace(self, key=key, reference=reference)
