"""Tracked masks drawn over frames."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sgnet.ops.rle import decode
from sgnet.records import ResultTrack, Rle

UInt8Array = NDArray[np.uint8]
GOLDEN_RATIO = 0.618033988749895
FILL = 0.45
MOST_OVERLAP = 0.5  # of the smaller of two masks


@dataclass(frozen=True)
class DrawnMask:
    """A mask in frame pixels with the identity that gives its colour and a short caption."""

    track_id: int
    caption: str
    mask: Rle


def track_color(track_id: int) -> tuple[int, int, int]:
    """RGB colour of an identity, far from those of its neighbours."""
    red, green, blue = colorsys.hsv_to_rgb((track_id * GOLDEN_RATIO) % 1.0, 0.85, 1.0)
    return int(red * 255), int(green * 255), int(blue * 255)


def draw_masks(frame: UInt8Array, masks: Sequence[DrawnMask]) -> UInt8Array:
    """A copy of the frame with tinted masks, their outlines and captions.

    Args:
        frame: [H, W, 3] RGB.
        masks: of the frame's size; none is fine.
    """
    picture = frame.copy()
    for item in masks:
        mask = decode(item.mask)
        color = track_color(item.track_id)
        inside = mask.astype(bool)
        picture[inside] = (1 - FILL) * picture[inside] + FILL * np.array(color)
        contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, contours, -1, color, 1)
    for item in masks:
        _draw_caption(picture, item)
    return picture


def masks_of_frame(
    tracks: Sequence[ResultTrack], frame: int, names: dict[int, str], min_score: float
) -> list[DrawnMask]:
    """What the tracks of one video show in a frame.

    Where several tracks claim the same pixels, as the classes of one object may, the strongest is
    drawn.

    Args:
        tracks: of one video; their place in the list, from 1, is their identity.
        frame: index in the video.
        names: category name by category id.
        min_score: weaker tracks are left out.
    """
    drawn: list[DrawnMask] = []
    claimed: list[NDArray[np.bool_]] = []
    by_score = sorted(enumerate(tracks, start=1), key=lambda item: -item[1].score)
    for number, track in by_score:
        mask = track.segmentations[frame]
        if mask is None or track.score < min_score:
            continue
        pixels = decode(mask).astype(bool)
        if any(_overlap(pixels, other) > MOST_OVERLAP for other in claimed):
            continue
        claimed.append(pixels)
        drawn.append(DrawnMask(number, f"{number} {names[track.category_id]}", mask))
    return drawn


def _overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Share of the smaller mask that both cover."""
    smaller = min(int(first.sum()), int(second.sum()))
    return int((first & second).sum()) / max(1, smaller)


def union_mask(masks: Sequence[Rle], size: tuple[int, int]) -> NDArray[np.bool_]:
    """All instances of a frame in one mask, M = sum_i M_i (SG-Net Eq. 3).

    Args:
        masks: of N instances; none gives an empty mask.
        size: (height, width) of the frame.
    """
    union = np.zeros(size, dtype=np.bool_)
    for mask in masks:
        union |= decode(mask).astype(bool)
    return union


def _draw_caption(picture: UInt8Array, item: DrawnMask) -> None:
    rows, columns = np.nonzero(decode(item.mask))
    if rows.size == 0:
        return
    scale = max(0.3, picture.shape[0] / 900)
    anchor = (int(columns.min()), max(9, int(rows.min()) - 2))
    for color, thickness in (((0, 0, 0), 2), ((255, 255, 255), 1)):
        cv2.putText(
            picture,
            item.caption,
            anchor,
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            color,
            thickness,
            cv2.LINE_AA,
        )
