"""Which object each location is to predict (FCOS section 3.1, with centre sampling)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sgnet.ops.boxes import box_centers, box_sizes, boxes_to_distances
from sgnet.ops.input_size import RANGES
from sgnet.structures import Targets


@dataclass(frozen=True)
class Positives:
    """The P locations of a batch that are assigned to an object.

    Attributes:
        frames: [P] frame index.
        locations: [P] index into the L locations.
        objects: [P] row in the frame's targets.
        masks: [P] row in `Targets.masks`.
        boxes_xyxy: [P, 4] of the object, input pixels.
        labels: [P] class index.
        movements: [P, 2] of the object, input pixels.
        in_both: [P] True where the object is in both frames.
        centerness: [P] target of FCOS Eq. 3 (centerness).
    """

    frames: Tensor
    locations: Tensor
    objects: Tensor
    masks: Tensor
    boxes_xyxy: Tensor
    labels: Tensor
    movements: Tensor
    in_both: Tensor
    centerness: Tensor


@dataclass(frozen=True)
class LocationAssigner:
    """FCOS's rules: inside box and centre region, distance in the level's range, smallest wins.

    Attributes:
        ranges: upper ends of the regression ranges of P3..P6 in input pixels; the last level has
            no upper end. FCOS's belong to 640x360 here; others: `regression_ranges_of`.
        center_radius: half side of the centre region in units of the stride.
    """

    ranges: Sequence[float] = RANGES
    center_radius: float = 1.5

    def __call__(self, locations: Tensor, strides: Tensor, targets: Targets) -> Positives:
        """Assigns every location of a batch.

        Args:
            locations: [L, 2] input pixels.
            strides: [L].
            targets: of B frames, padded to N objects.

        Returns:
            The positives; none where there are no objects.

        Raises:
            ValueError: the number of ranges does not fit the number of levels.
        """
        matched = self._match(locations, strides, targets)  # [B, L], -1 for background
        frames, indices = (matched >= 0).nonzero(as_tuple=True)
        objects = matched[frames, indices]
        boxes = targets.boxes_xyxy[frames, objects]
        mask_rows = targets.valid.flatten().cumsum(0).view_as(targets.valid) - 1
        return Positives(
            frames=frames,
            locations=indices,
            objects=objects,
            masks=mask_rows[frames, objects],
            boxes_xyxy=boxes,
            labels=targets.labels[frames, objects],
            movements=targets.movements[frames, objects],
            in_both=targets.in_both[frames, objects],
            centerness=centerness_targets(boxes_to_distances(locations[indices], boxes)),
        )

    def _match(self, locations: Tensor, strides: Tensor, targets: Targets) -> Tensor:
        """Object index [B, L] of each location, -1 for background."""
        if targets.boxes_xyxy.shape[1] == 0:
            shape = (targets.boxes_xyxy.shape[0], locations.shape[0])
            return torch.full(shape, -1, device=locations.device)
        boxes = targets.boxes_xyxy[:, None]  # [B, 1, N, 4]
        points = locations[None, :, None]  # [1, L, 1, 2]
        distances = boxes_to_distances(points, boxes)  # [B, L, N, 4]
        # rule 1: the location lies inside the box
        candidate = (distances.amin(dim=-1) > 0) & targets.valid[:, None]
        # rule 2: and within the centre region
        offset = (points - box_centers(boxes)).abs().amax(dim=-1)  # [B, L, N]
        candidate &= offset < self.center_radius * strides[None, :, None]
        # rule 3: its largest distance is in the level's range
        low, high = self._ranges(strides)
        largest = distances.amax(dim=-1)
        candidate &= (largest > low[None, :, None]) & (largest <= high[None, :, None])
        # rule 4: of several objects the one with the smallest area
        areas = box_sizes(boxes).prod(dim=-1).expand_as(candidate)
        smallest, index = areas.masked_fill(~candidate, torch.inf).min(dim=-1)
        return index.masked_fill(smallest.isinf(), -1)

    def _ranges(self, strides: Tensor) -> tuple[Tensor, Tensor]:
        """Lower and upper end [L] of the regression range of each location's level."""
        levels = torch.unique(strides)
        if levels.shape[0] != len(self.ranges) + 1:
            raise ValueError(
                f"ranges must be the ends of all levels but the last, expected "
                f"{levels.shape[0] - 1}, got {list(self.ranges)}"
            )
        level = torch.searchsorted(levels, strides)
        ends = strides.new_tensor([0.0, *self.ranges, torch.inf])
        return ends[level], ends[level + 1]


def centerness_targets(distances_ltrb: Tensor) -> Tensor:
    """FCOS's centerness: sqrt(min(l,r)/max(l,r) * min(t,b)/max(t,b)).

    Args:
        distances_ltrb: [P, 4] > 0, any unit.

    Returns:
        [P] in (0, 1]; 1 at the box centre.
    """
    horizontal, vertical = distances_ltrb[:, 0::2], distances_ltrb[:, 1::2]
    ratio_x = horizontal.amin(dim=1) / horizontal.amax(dim=1)
    ratio_y = vertical.amin(dim=1) / vertical.amax(dim=1)
    return (ratio_x * ratio_y).sqrt()  # FCOS Eq. 3
