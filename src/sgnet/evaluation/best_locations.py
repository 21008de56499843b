"""Which location speaks for an annotated object (FCOS section 3.1, with centre sampling)."""

from __future__ import annotations

import torch
from torch import Tensor

from sgnet.ops.boxes import box_centers, box_sizes, boxes_to_distances
from sgnet.structures import LocationGrid

CENTER_RADIUS = 1.5  # half side of the centre region in units of the stride, as in training


def best_locations(
    scores: Tensor, grid: LocationGrid, boxes_xyxy: Tensor, center_radius: float = CENTER_RADIUS
) -> Tensor:
    """The location of highest score among those that are each object's own.

    An object's own are the locations of all levels inside its box and its centre region, but for
    those that a smaller object has there as well, as training shares them out; the levels' ranges
    are left to the scores. An object whose locations all belong to smaller ones takes the best of
    them; one that has none, as it lies between locations, the closest to its centre.

    Args:
        scores: [L] of a frame's locations, highest over the classes: the true class must not
            choose where it is asked for.
        grid: the locations.
        boxes_xyxy: [N, 4] true boxes, input pixels.
        center_radius: half side of the centre region in units of the stride.

    Returns:
        [N] index into the L locations; of equal scores the first.
    """
    points = grid.locations[None]  # [1, L, 2]
    offsets = points - box_centers(boxes_xyxy)[:, None]  # [N, L, 2]
    inside = boxes_to_distances(points, boxes_xyxy[:, None]).amin(dim=-1) > 0  # [N, L]
    reached = inside & (offsets.abs().amax(dim=-1) < center_radius * grid.strides[None])
    areas = box_sizes(boxes_xyxy).prod(dim=1)[:, None].expand(reached.shape)
    if not reached.shape[0]:
        return torch.zeros(0, dtype=torch.int64, device=boxes_xyxy.device)
    smallest = areas.masked_fill(~reached, torch.inf).amin(dim=0)  # [L]
    own = reached & (areas <= smallest)
    distances = offsets.square().sum(dim=-1)
    closest = distances <= distances.amin(dim=1, keepdim=True)
    allowed = torch.where(own.any(dim=1, keepdim=True), own, reached)
    allowed = torch.where(allowed.any(dim=1, keepdim=True), allowed, closest)
    return scores.float()[None].masked_fill(~allowed, -torch.inf).argmax(dim=1)
