"""What is wrong with each track that finds nothing.

In the spirit of TIDE (Bolya et al., 2020), for tracks: place falls apart into masks and time. In
frames where a track meets an object, its masks are right or wrong; that it is on the object in
these frames and in no others is the matter of tracking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.matching import MOST_DETECTIONS, NO_MATCH, match_greedily
from sgnet.evaluation.track_groups import group_indices
from sgnet.evaluation.track_meetings import Meetings, track_meetings
from sgnet.evaluation.video_iou import track_ious
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Video

ON_OBJECTS = 0.5  # least share of a track's pixels in frames where it is on an object
KINDS = (
    "class",
    "duplicate",
    "mask",
    "track",
    "mask and track",
    "class and place",
    "background",
)
WAYS = ("broken", "switched", "merged", "overlong")  # of the kind `track`


@dataclass(frozen=True)
class JudgedTrack:
    """A track of the results and what is wrong with it.

    Attributes:
        index: in the results.
        category_id: as it was found.
        score: of the track.
        kind: of `KINDS`; None where it is right.
        way: of `WAYS`; None where its kind is not `track`.
        objects: indices of the annotated tracks that it finds, or would if its error was mended.
    """

    index: int
    category_id: int
    score: float
    kind: str | None
    way: str | None
    objects: tuple[int, ...]


def judge_tracks(
    videos: Sequence[Video],
    categories: Sequence[Category],
    ground_truth: Sequence[AnnotatedTrack],
    results: Sequence[ResultTrack],
    iou: float = 0.5,
) -> list[JudgedTrack]:
    """Says of every track that counts whether it is right, and if not what is wrong.

    Right is what the metric's matching at that IoU says. Tracks that it ignores (in crowds) or
    never looks at (behind the best 100 of a video and category) are left out, and so are tracks
    of undeclared categories.

    Args:
        videos: that are scored.
        categories: that are scored.
        ground_truth: annotated tracks, in the file's order.
        results: found tracks, in the file's order.
        iou: least overlap of a track that is right, in 0..1.

    Returns:
        By category id, in each by video id, in each by falling score, as the metric ranks them.

    Raises:
        ValueError: a track's video is not among the videos, or masks of a frame differ in size.
    """
    video_ids = sorted({video.id for video in videos})
    numbers = sorted({category.id for category in categories})
    annotated = group_indices(ground_truth, video_ids, "ground_truth")
    found = group_indices(results, video_ids, "results")
    judged: list[JudgedTrack] = []
    for video_id in video_ids:
        rows = [_ranked(found.get((video_id, number), []), results) for number in numbers]
        columns = [annotated.get((video_id, number), []) for number in numbers]
        tracks = [(index, results[index]) for part in rows for index in part]
        objects = [(index, ground_truth[index]) for part in columns for index in part]
        objects.sort(key=lambda one: one[1].iscrowd)
        judged += _Judge(tracks, objects, iou).judged()
    return sorted(judged, key=lambda one: one.category_id)  # videos and ranks keep their order


def _ranked(indices: Sequence[int], results: Sequence[ResultTrack]) -> list[int]:
    return sorted(indices, key=lambda index: -results[index].score)[:MOST_DETECTIONS]


class _Judge:
    """Judges the tracks of one video.

    Args:
        tracks: D with their indices, by category, in each by falling score.
        objects: N annotated ones with theirs, crowds last.
        iou: least overlap of a track that is right.
    """

    def __init__(
        self,
        tracks: Sequence[tuple[int, ResultTrack]],
        objects: Sequence[tuple[int, AnnotatedTrack]],
        iou: float,
    ) -> None:
        self._tracks, self._objects = tracks, objects
        self._iou = min(iou, 1 - 1e-10)
        found = np.array([track.category_id for _, track in tracks], dtype=np.int64)
        annotated = np.array([track.category_id for _, track in objects], dtype=np.int64)
        self._same = found[:, None] == annotated[None]  # [D, N]
        self._crowds = np.array([track.iscrowd for _, track in objects], dtype=np.bool_)
        self._ious = track_ious(
            [track.segmentations for _, track in tracks],
            [track.segmentations for _, track in objects],
        )
        self._matched = self._matches(found)  # [D] column, or NO_MATCH

    def _matches(self, found: NDArray[np.int64]) -> NDArray[np.int64]:
        """The metric's matches, category by category."""
        matched = np.full(len(found), NO_MATCH, dtype=np.int64)
        for category in np.unique(found):
            rows = np.flatnonzero(found == category)
            columns = np.flatnonzero(self._same[rows[0]])
            crowds = self._crowds[columns]
            chosen = match_greedily(self._ious[np.ix_(rows, columns)], crowds, crowds, self._iou)
            matches = chosen != NO_MATCH
            matched[rows[matches]] = columns[chosen[matches]]
        return matched

    def judged(self) -> list[JudgedTrack]:
        """The tracks that count, in their order."""
        rows = range(len(self._tracks))
        wrong = [row for row in rows if self._matched[row] == NO_MATCH]
        meetings = track_meetings(
            [self._tracks[row][1].segmentations for row in wrong],
            [track.segmentations for _, track in self._objects if not track.iscrowd],
        )
        judged = {row: self._error(row, place, meetings) for place, row in enumerate(wrong)}
        for row in set(rows) - set(wrong):
            column = int(self._matched[row])
            if not self._crowds[column]:
                judged[row] = self._judged(row, None, None, [column])
        return [judged[row] for row in sorted(judged)]

    def _judged(
        self, row: int, kind: str | None, way: str | None, columns: Sequence[int]
    ) -> JudgedTrack:
        index, track = self._tracks[row]
        objects = tuple(self._objects[column][0] for column in columns)
        return JudgedTrack(index, track.category_id, track.score, kind, way, objects)

    def _error(self, row: int, place: int, meetings: Meetings) -> JudgedTrack:
        """A track that finds nothing.

        Args:
            row: of the track.
            place: its row in `meetings`.
            meetings: of the W wrong tracks with the regular objects.
        """
        regular = len(meetings.object_areas)
        ious, same = self._ious[row, :regular], self._same[row, :regular]
        if (ious[same] >= self._iou).any():
            return self._judged(row, "duplicate", None, [])
        if (ious >= self._iou).any():
            return self._judged(row, "class", None, [int(ious.argmax())])
        on_object = meetings.objects[place]
        covered = (on_object > 0) & (on_object >= self._iou * meetings.object_areas)
        mostly = meetings.met[place] >= max(1, ON_OBJECTS * meetings.track_areas[place])
        if not mostly and not covered.any():
            return self._judged(row, "background", None, [])
        best = int(np.where(meetings.tracks[place] > 0, ious, -1).argmax())
        if not same[best]:
            return self._judged(row, "class and place", None, [])
        masks, time = meetings.mask_ious[place, best], meetings.time_ious[place, best]
        if masks < self._iou and time < self._iou:
            return self._judged(row, "mask and track", None, [best])
        if masks < time:
            return self._judged(row, "mask", None, [best])
        others = np.flatnonzero(covered & same & (np.arange(regular) != best))
        return self._judged(row, "track", _way(meetings, place, best), [best, *others.tolist()])


def _way(meetings: Meetings, row: int, column: int) -> str:
    """How a track loses an object in time: by which frames it loses most."""
    missing, astray = meetings.missing[row, column], meetings.astray[row, column]
    if meetings.idle[row, column] > max(missing, astray):
        return "overlong"
    if 2 * astray < missing:
        return "broken"
    return "merged" if 2 * missing < astray else "switched"
