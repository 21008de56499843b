"""Tracks of files by video and category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sgnet.records import AnnotatedTrack, ResultTrack

_Track = TypeVar("_Track", AnnotatedTrack, ResultTrack)


def group_tracks(
    tracks: Sequence[_Track], video_ids: Sequence[int], name: str
) -> dict[tuple[int, int], list[_Track]]:
    """Groups tracks by video and category, keeping their order."""
    groups = group_indices(tracks, video_ids, name)
    return {key: [tracks[index] for index in indices] for key, indices in groups.items()}


def group_indices(
    tracks: Sequence[_Track], video_ids: Sequence[int], name: str
) -> dict[tuple[int, int], list[int]]:
    """The places of the tracks of each video and category, rising.

    Args:
        tracks: of all videos.
        video_ids: of all videos.
        name: of the tracks, for errors.

    Raises:
        ValueError: a track's video is not among the videos.
    """
    known = set(video_ids)
    groups: dict[tuple[int, int], list[int]] = {}
    for index, track in enumerate(tracks):
        if track.video_id not in known:
            raise ValueError(
                f"{name}[{index}].video_id must be the id of one of the videos, "
                f"got {track.video_id}"
            )
        groups.setdefault((track.video_id, track.category_id), []).append(index)
    return groups
