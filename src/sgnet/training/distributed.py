"""What processes that train together tell each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

import torch.distributed as dist
from torch import Tensor

from sgnet.records import ResultTrack

Value = TypeVar("Value")
# the videos that a process tracked to their end, and the tracks of them
TrackedVideos = tuple[Collection[int], Sequence[ResultTrack]]


def gathered(value: Value) -> list[Value]:
    """The picklable values of all processes, by rank, in each of them; [value] without others."""
    if not (dist.is_available() and dist.is_initialized()):
        return [value]
    values: list[Value | None] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return [v for v in values if v is not None]


def summed(values: Tensor) -> Tensor:
    """Values of all processes added up, in each of them; its own without others.

    Args:
        values: of one shape everywhere, on a device that the processes share tensors from.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total


def merged_tracks(parts: Sequence[TrackedVideos]) -> tuple[set[int], list[ResultTrack]]:
    """Videos that ran to their end and their tracks, each video once, by id.

    A video that two processes tracked is taken from the first of them. The order of the tracks is
    the same however the videos were shared out, so that equal scores are ranked the same.
    """
    owners: dict[int, int] = {}
    for rank, (finished, _) in enumerate(parts):
        for video in finished:
            owners.setdefault(video, rank)
    tracks = [
        track
        for rank, (_, found) in enumerate(parts)
        for track in found
        if owners.get(track.video_id) == rank
    ]
    return set(owners), sorted(tracks, key=lambda track: track.video_id)
