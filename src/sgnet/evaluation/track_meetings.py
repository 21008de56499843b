"""In which frames tracks are on objects, and what is theirs outside of these frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.frame_matching import mask_overlaps
from sgnet.evaluation.video_iou import Track, mask_areas
from sgnet.records import Rle

MEETS = 0.1  # least IoU in a frame at which a track is on an object

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Meetings:
    """Where D tracks and N objects of a video meet; pixels, summed over frames.

    Attributes:
        shared: [D, N] of both, in the frames where the two meet.
        tracks: [D, N] of the track, in these frames.
        objects: [D, N] of the object, in these frames.
        astray: [D, N] of the track, in frames where it meets other objects but not this one.
        met: [D] of the track, in frames where it meets any object.
        track_areas: [D] of the track, in all frames.
        object_areas: [N] of the object, in all frames.
    """

    shared: FloatArray
    tracks: FloatArray
    objects: FloatArray
    astray: FloatArray
    met: FloatArray
    track_areas: FloatArray
    object_areas: FloatArray

    @property
    def mask_ious(self) -> FloatArray:
        """IoU [D, N] in the frames where the two meet: as if all other frames were right."""
        return self.shared / np.maximum(1, self.tracks + self.objects - self.shared)

    @property
    def time_ious(self) -> FloatArray:
        """IoU [D, N] as if the masks were right in the frames where the two meet."""
        outside = self.track_areas[:, None] - self.tracks
        return self.objects / np.maximum(1, self.object_areas + outside)

    @property
    def missing(self) -> FloatArray:
        """Pixels [D, N] of the object in frames where the track is not on it."""
        return self.object_areas - self.objects

    @property
    def idle(self) -> FloatArray:
        """Pixels [D, N] of the track in frames where it is on no object."""
        return np.broadcast_to((self.track_areas - self.met)[:, None], self.tracks.shape)


def track_meetings(tracks: Sequence[Track], objects: Sequence[Track]) -> Meetings:
    """Compares the tracks of a video with its objects, frame by frame.

    Args:
        tracks: D.
        objects: N annotated ones.

    Raises:
        ValueError: the masks of a frame differ in size.
    """
    shape = (len(tracks), len(objects))
    shared, on_track, on_object, astray = (np.zeros(shape) for _ in range(4))
    met = np.zeros(len(tracks))
    length = max((len(track) for track in (*tracks, *objects)), default=0)
    areas, object_areas = _areas(tracks, length), _areas(objects, length)
    for frame in range(length):
        rows, columns = np.flatnonzero(areas[:, frame]), np.flatnonzero(object_areas[:, frame])
        if not rows.size or not columns.size:
            continue
        ious = mask_overlaps(_masks(tracks, rows, frame), _masks(objects, columns, frame))
        here = np.ix_(rows, columns)
        mine, theirs = areas[rows, frame][:, None], object_areas[columns, frame][None]
        meets = ious >= MEETS
        anywhere = meets.any(axis=1, keepdims=True)
        shared[here] += meets * ious / (1 + ious) * (mine + theirs)
        on_track[here] += meets * mine
        on_object[here] += meets * theirs
        met[rows] += (anywhere * mine)[:, 0]
        astray[rows] += anywhere * mine  # of all objects, also of those that are not there
        astray[here] -= meets * mine
    return Meetings(
        shared, on_track, on_object, astray, met, areas.sum(axis=1), object_areas.sum(axis=1)
    )


def _areas(tracks: Sequence[Track], length: int) -> FloatArray:
    """Pixels [tracks, frames]."""
    areas = np.zeros((len(tracks), length))
    for row, track in enumerate(tracks):
        areas[row, : len(track)] = mask_areas(track)
    return areas


def _masks(tracks: Sequence[Track], rows: NDArray[np.int64], frame: int) -> list[Rle]:
    masks = (tracks[row][frame] for row in rows)
    return [mask for mask in masks if mask is not None]
