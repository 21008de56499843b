"""What the network sees inside: levels, sub-regions, base masks, movements (Figures 2 to 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from sgnet.visualization.overlay import track_color

UInt8Array = NDArray[np.uint8]


def image_array(image: Tensor) -> UInt8Array:
    """[3, H, W] uint8 tensor as a [H, W, 3] RGB array."""
    return np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy().astype(np.uint8))


def level_figure(
    image: UInt8Array, values: Tensor, level_sizes: Sequence[int], strides: Sequence[int]
) -> Figure:
    """A quantity of every location, level by level, beside the image.

    Args:
        image: [H, W, 3] RGB.
        values: [L] in [0, 1], such as centerness.
        level_sizes: locations of each level.
        strides: of each level in pixels.
    """
    figure = _figure(3 * (len(level_sizes) + 1), 2.4)
    axes = figure.subplots(1, len(level_sizes) + 1)
    axes[0].imshow(image)
    axes[0].set_title("frame")
    for number, (part, stride) in enumerate(
        zip(torch.split(values.cpu(), list(level_sizes)), strides, strict=True), start=1
    ):
        rows = -(-image.shape[0] // stride)
        axes[number].imshow(part.view(rows, -1).numpy(), vmin=0, vmax=1, cmap="magma")
        axes[number].set_title(f"P{number + 2}, stride {stride}")
    return _without_ticks(figure)


def sub_region_figure(
    image: UInt8Array,
    box_xyxy: Tensor,
    divisions: tuple[int, int],
    scores: Tensor,
    base_masks: Tensor,
    mask: NDArray[np.bool_],
) -> Figure:
    """One instance: its sub-regions with their attention scores, its base masks, its mask.

    Args:
        image: [H, W, 3] RGB, the network's input.
        box_xyxy: [4] input pixels.
        divisions: r1 columns, r2 rows (Eq. 1).
        scores: [R] one figure for each sub-region, such as its attention score or the length of
            its vector of scores; the first r1*r2 are drawn.
        base_masks: [C, h, w] of the frame that the instance's masks are made of, drawn inside the
            box only.
        mask: [H, W] blended mask.
    """
    columns, rows = divisions
    figure = _figure(13, 4)
    left, middle, right = np.asarray(figure.subfigures(1, 3)).ravel()
    _draw_regions(left, image, box_xyxy, divisions, scores)
    across = math.ceil(math.sqrt(len(base_masks)))
    tiles = np.atleast_1d(middle.subplots(math.ceil(len(base_masks) / across), across)).ravel()
    stride = image.shape[0] / base_masks.shape[1]
    crop = _crop(box_xyxy / stride, (base_masks.shape[1], base_masks.shape[2]))
    limit = float(base_masks.abs().max()) or 1.0
    for base_mask, tile in zip(base_masks, tiles, strict=False):
        part = base_mask[crop].cpu().numpy()
        tile.imshow(part, cmap="coolwarm", vmin=-limit, vmax=limit)
    for tile in tiles[len(base_masks) :]:
        tile.set_axis_off()
    middle.suptitle(f"{len(base_masks)} base masks in its box")
    axes = right.subplots()
    axes.imshow(np.where(mask[..., None], image, image // 4)[_crop(box_xyxy, image.shape[:2], 8)])
    right.suptitle("blended mask")
    return _without_ticks(figure)


def movement_picture(
    frame: UInt8Array, points: Tensor, movements: Tensor, track_ids: Sequence[int]
) -> UInt8Array:
    """Arrows from where each object was, o - D, to where it is, o (Figure 4).

    Args:
        frame: [H, W, 3] RGB.
        points: [N, 2] x, y of the objects in frame pixels.
        movements: [N, 2] predicted displacement in frame pixels.
        track_ids: N identities, for the colours.
    """
    picture = frame.copy()
    origins = (points - movements).round().int().tolist()
    for origin, point, track_id in zip(
        origins, points.round().int().tolist(), track_ids, strict=True
    ):
        color = track_color(track_id)
        cv2.arrowedLine(picture, tuple(origin), tuple(point), color, 1, cv2.LINE_AA, tipLength=0.3)
        cv2.circle(picture, tuple(point), 2, color, -1, cv2.LINE_AA)
    return picture


def picture_figure(pictures: Sequence[UInt8Array], titles: Sequence[str]) -> Figure:
    """Pictures side by side with titles."""
    figure = _figure(4.5 * len(pictures), 2.8)
    for axes, picture, title in zip(
        np.atleast_1d(figure.subplots(1, len(pictures))), pictures, titles, strict=True
    ):
        axes.imshow(picture)
        axes.set_title(title)
    return _without_ticks(figure)


def _draw_regions(
    figure: Figure,
    image: UInt8Array,
    box_xyxy: Tensor,
    divisions: tuple[int, int],
    scores: Tensor,
) -> None:
    x1, y1, x2, y2 = box_xyxy.tolist()
    columns, rows = divisions
    axes = figure.subplots()
    axes.imshow(image)
    for x in np.linspace(x1, x2, columns + 1):
        axes.plot([x, x], [y1, y2], color="white", linewidth=1)
    for y in np.linspace(y1, y2, rows + 1):
        axes.plot([x1, x2], [y, y], color="white", linewidth=1)
    for k, score in enumerate(scores[: rows * columns].tolist()):
        x = x1 + (k % columns + 0.5) * (x2 - x1) / columns
        y = y1 + (k // columns + 0.5) * (y2 - y1) / rows
        axes.text(x, y, f"{score:.1f}", color="yellow", ha="center", va="center", fontsize=8)
    margin = 8
    axes.set_xlim(max(0, x1 - margin), min(image.shape[1], x2 + margin))
    axes.set_ylim(min(image.shape[0], y2 + margin), max(0, y1 - margin))
    figure.suptitle(f"{columns} x {rows} sub-regions, attention scores")


def _crop(box_xyxy: Tensor, size: tuple[int, ...], margin: int = 0) -> tuple[slice, slice]:
    """Rows and columns of a box in a map of (height, width), at least one each."""
    x1, y1, x2, y2 = box_xyxy.tolist()
    top, left = max(0, int(y1) - margin), max(0, int(x1) - margin)
    bottom, right = min(size[0], int(np.ceil(y2)) + margin), min(size[1], int(np.ceil(x2)) + margin)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained", dpi=90)
    FigureCanvasAgg(figure)
    return figure


def _without_ticks(figure: Figure) -> Figure:
    for axes in figure.get_axes():
        axes.set_xticks([])
        axes.set_yticks([])
    return figure
