"""Tracks of files by video and category."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from sgnet.records import AnnotatedTrack, ResultTrack

_Track = TypeVar("_Track", AnnotatedTrack, ResultTrack)


@runtime_checkable
class KeyedTracks(Protocol):
    """Tracks that are read when they are asked for, but whose video and category are known."""

    def keys(self) -> Iterable[tuple[int, int]]:
        """Video and category id of each."""


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
    for index, key in enumerate(_keys(tracks)):
        if key[0] not in known:
            raise ValueError(
                f"{name}[{index}].video_id must be the id of one of the videos, got {key[0]}"
            )
        groups.setdefault(key, []).append(index)
    return groups


def indices_by_video(
    tracks: Sequence[_Track], video_ids: Sequence[int], name: str
) -> dict[int, list[int]]:
    """The places of the tracks of each video, rising; arguments and errors as `group_indices`."""
    indices: dict[int, list[int]] = {}
    for (video_id, _), places in group_indices(tracks, video_ids, name).items():
        indices.setdefault(video_id, []).extend(places)
    return {number: sorted(places) for number, places in indices.items()}


def _keys(tracks: Sequence[_Track]) -> Iterable[tuple[int, int]]:
    if isinstance(tracks, KeyedTracks):
        return tracks.keys()
    return ((track.video_id, track.category_id) for track in tracks)
