"""What tracking figures count: matches of frames and of whole tracks, over a video.

HOTA is that of Luiten et al. (2021), CLEAR MOT that of Bernardin and Stiefelhagen (2008), the
identity figures those of Ristani et al. (2016). Where their papers leave room, TrackEval's way is
ours; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from operator import add
from typing import Self

import numpy as np
from numpy.typing import NDArray

ALPHAS = np.arange(0.05, 0.99, 0.05)  # least IoUs of HOTA's matches, to TrackEval's last bit
MATCH_IOU = 0.5  # of CLEAR MOT and of the identity figures
MOSTLY_TRACKED, PARTLY_TRACKED = 0.8, 0.2  # shares of an object's frames
_EPSILON = np.finfo(np.float64).eps
_CONTINUES = 1000  # more than any sum of IoUs, so that identities go on wherever they can

IndexArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FrameOverlaps:
    """The annotated and the found objects of one frame.

    Attributes:
        objects: [N] index of each annotated object, the same in all frames of the video.
        tracks: [D] index of each found one's track.
        ious: [N, D].
    """

    objects: IndexArray
    tracks: IndexArray
    ious: FloatArray


@dataclass(frozen=True)
class Counts:
    """Counts that add up over videos, and over categories."""

    def __add__(self, other: Self) -> Self:
        """Of both, field by field."""
        names = [field.name for field in fields(self)]
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return replace(self, **sums)


@dataclass(frozen=True)
class HotaCounts(Counts):
    """What HOTA is made of, for each of A `ALPHAS`.

    Attributes:
        matches: [A].
        similarity: [A] sum of the matches' IoUs.
        association: [A] sum over the matches of the share of frames in which their two tracks are
            matched, of those that show either.
        association_recall: [A] the same, of those that show the annotated one.
        association_precision: [A] the same, of those that show the found one.
    """

    matches: FloatArray
    similarity: FloatArray
    association: FloatArray
    association_recall: FloatArray
    association_precision: FloatArray


@dataclass(frozen=True)
class ClearCounts(Counts):
    """CLEAR MOT's counts.

    Attributes:
        matches: at an IoU of `MATCH_IOU`.
        similarity: sum of their IoUs.
        switches: matches under another identity than the object's last one.
        fragmentations: how often the tracking of an object begins anew.
        mostly_tracked: objects matched in more than 0.8 of their frames.
        partly_tracked: those matched in 0.2 to 0.8 of them.
        mostly_lost: the others.
    """

    matches: int = 0
    similarity: float = 0.0
    switches: int = 0
    fragmentations: int = 0
    mostly_tracked: int = 0
    partly_tracked: int = 0
    mostly_lost: int = 0


@dataclass(frozen=True)
class TrackingCounts(Counts):
    """All counts.

    Attributes:
        detections: annotated objects, summed over the frames.
        found: found ones.
        identity_matches: frames in common of objects and tracks, assigned to each other for the
            whole video.
        hota: counts of HOTA.
        clear: of CLEAR MOT.
    """

    detections: int
    found: int
    identity_matches: int
    hota: HotaCounts
    clear: ClearCounts


def total(counts: Iterable[TrackingCounts]) -> TrackingCounts:
    """The sum of counts; of none that of a video without objects."""
    nothing = HotaCounts(*(np.zeros(len(ALPHAS)) for _ in range(5)))
    return reduce(add, counts, TrackingCounts(0, 0, 0, nothing, ClearCounts()))


def tracking_counts(frames: Sequence[FrameOverlaps]) -> TrackingCounts:
    """Counts of one video, or of one category of it.

    Args:
        frames: of the video in order; no objects are fine.
    """
    lifetimes = _lifetimes([frame.objects for frame in frames])
    track_lifetimes = _lifetimes([frame.tracks for frame in frames])
    return TrackingCounts(
        detections=int(lifetimes.sum()),
        found=int(track_lifetimes.sum()),
        identity_matches=_identity_matches(frames, lifetimes, track_lifetimes),
        hota=_hota(frames, lifetimes, track_lifetimes),
        clear=_clear(frames, lifetimes),
    )


def _lifetimes(present: Sequence[IndexArray]) -> IndexArray:
    """Frames [number] that show each of the objects, or tracks, whose indices each frame has."""
    return np.bincount(np.concatenate([np.zeros(0, np.int64), *present]))


def _pairs(frame: FrameOverlaps) -> tuple[IndexArray, IndexArray]:
    """Index arrays that take a frame's [N, D] out of a video's [objects, tracks]."""
    return frame.objects[:, None], frame.tracks[None]


def _hota(
    frames: Sequence[FrameOverlaps], lifetimes: IndexArray, track_lifetimes: IndexArray
) -> HotaCounts:
    either = lifetimes[:, None] + track_lifetimes[None]  # [objects, tracks] frames
    alignment = _alignment(frames, either)
    common = np.zeros((len(ALPHAS), *either.shape))  # frames in which the two are matched
    similarity = np.zeros(len(ALPHAS))
    for frame in frames:
        rows, columns = _assigned(alignment[_pairs(frame)] * frame.ious)
        ious = frame.ious[rows, columns]
        matched = ious >= ALPHAS[:, None] - _EPSILON  # [A, pairs]
        common[:, frame.objects[rows], frame.tracks[columns]] += matched
        similarity += (matched * ious).sum(axis=1)
    shares = (
        common / np.maximum(1, either - common),
        common / np.maximum(1, lifetimes[:, None]),
        common / np.maximum(1, track_lifetimes),
    )
    sums = ((common * share).sum(axis=(1, 2)) for share in shares)
    return HotaCounts(common.sum(axis=(1, 2)), similarity, *sums)


def _alignment(frames: Sequence[FrameOverlaps], either: IndexArray) -> FloatArray:
    """How well two tracks [objects, tracks] agree over the video, a soft Jaccard index."""
    shared = np.zeros(either.shape)
    for frame in frames:
        ious = frame.ious
        unions = ious.sum(axis=0)[None] + ious.sum(axis=1)[:, None] - ious
        shared[_pairs(frame)] += np.divide(
            ious, unions, out=np.zeros_like(ious), where=unions > _EPSILON
        )
    return shared / np.maximum(either - shared, 0.5)  # half a frame where either has one


def _assigned(scores: FloatArray) -> tuple[IndexArray, IndexArray]:
    """Rows and columns of the one-to-one assignment of highest sum."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-scores)
    return rows, columns


def _clear(frames: Sequence[FrameOverlaps], lifetimes: IndexArray) -> ClearCounts:
    """Counts of a video.

    An identity goes on from the last frame that has both annotated and found objects wherever it
    can; the other matches have the highest sum of IoUs. So a frame in which nothing at all is found
    fragments no tracking.
    """
    last = np.full(len(lifetimes), -1)  # track that each object was matched with last
    before = last.copy()  # in the last frame that has both alone
    matched_frames, beginnings = np.zeros_like(last), np.zeros_like(last)
    matches, switches, similarity = 0, 0, 0.0
    for frame in frames:
        if not frame.ious.size:
            continue
        goes_on = before[frame.objects][:, None] == frame.tracks[None]
        within = frame.ious >= MATCH_IOU - _EPSILON
        rows, columns = _assigned(np.where(within, _CONTINUES * goes_on + frame.ious, 0))
        rows, columns = rows[within[rows, columns]], columns[within[rows, columns]]
        objects, tracks = frame.objects[rows], frame.tracks[columns]
        switches += int(((last[objects] != -1) & (last[objects] != tracks)).sum())
        beginnings[objects] += before[objects] == -1
        before[:] = -1
        last[objects] = before[objects] = tracks
        matched_frames[objects] += 1
        matches += len(objects)
        similarity += float(frame.ious[rows, columns].sum())
    shares = matched_frames[lifetimes > 0] / lifetimes[lifetimes > 0]
    mostly = int((shares > MOSTLY_TRACKED).sum())
    lost = int((shares < PARTLY_TRACKED).sum())
    return ClearCounts(
        matches=matches,
        similarity=similarity,
        switches=switches,
        fragmentations=int((beginnings[beginnings > 0] - 1).sum()),
        mostly_tracked=mostly,
        partly_tracked=len(shares) - mostly - lost,
        mostly_lost=lost,
    )


def _identity_matches(
    frames: Sequence[FrameOverlaps], lifetimes: IndexArray, track_lifetimes: IndexArray
) -> int:
    """Frames in common of objects and tracks, assigned one to one so that they are most."""
    common = np.zeros((len(lifetimes), len(track_lifetimes)))
    for frame in frames:
        common[_pairs(frame)] += frame.ious >= MATCH_IOU
    rows, columns = _assigned(common)
    return int(common[rows, columns].sum())
