"""Granularity blender: base masks and attention scores to instance masks (SG-Net Eq. 2)."""

from __future__ import annotations

from torch import Tensor

from sgnet.ops.mask_assembly import BLENDER_READINGS, BlendedMasks, BlenderReading, blend


class GranularityBlender:
    """Holds the settings of Eq. 1 and Eq. 2; it has no parameters.

    Args:
        reading: how Eq. 2 is read, see `sgnet.ops.mask_assembly.blend`.
        grid: G, the most divisions of a box along a side.
        cell_size: of Eq. 1 in input pixels; 50 at 640x360, to be scaled with the input.

    Raises:
        ValueError: unknown reading, or a grid or cell size that is not positive.
    """

    def __init__(self, reading: BlenderReading, grid: int, cell_size: float) -> None:
        if reading not in BLENDER_READINGS:
            raise ValueError(f"blender reading must be one of {BLENDER_READINGS}, got {reading!r}")
        if grid < 1 or cell_size <= 0:
            raise ValueError(
                f"grid must be >= 1 and cell_size > 0, got grid={grid}, cell_size={cell_size}"
            )
        self.reading: BlenderReading = reading
        self.grid = grid
        self.cell_size = cell_size

    @property
    def num_masks(self) -> int:
        """C, the base masks the readings need: one a cell."""
        return self.grid**2

    @property
    def num_scores(self) -> int:
        """S, the coefficients a location predicts."""
        vector = self.num_masks if self.reading == "region_vector" else 1
        return self.grid**2 * vector

    def __call__(
        self,
        base_masks: Tensor,
        frame_indices: Tensor,
        coefficients: Tensor,
        boxes_xyxy: Tensor,
        stride: int,
    ) -> BlendedMasks:
        """Mask logits of N instances inside their boxes; used in training and in inference.

        Args:
            base_masks: [B, C, h, w].
            frame_indices: [N].
            coefficients: [N, S].
            boxes_xyxy: [N, 4] input pixels.
            stride: input pixels per base-mask pixel.
        """
        return blend(
            base_masks,
            frame_indices,
            coefficients,
            boxes_xyxy,
            stride=stride,
            reading=self.reading,
            grid=self.grid,
            cell_size=self.cell_size,
        )
