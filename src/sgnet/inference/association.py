"""Trackers tried on the same detections, and the bounds between which they lie."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco_mask

from sgnet.evaluation.average_precision import evaluate
from sgnet.evaluation.oracle import (
    TrueObject,
    found_frames,
    objects_by_frame,
    replaced_tracks,
)
from sgnet.evaluation.track_groups import indices_by_video
from sgnet.evaluation.tracking_figures import evaluate_tracking
from sgnet.inference.detection_cache import (
    CachedFrame,
    CachedVideo,
    track_cached,
    tracked_frames,
)
from sgnet.ops.rle import is_background, to_coco
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Rle, TrackedInstance, Video
from sgnet.tracking.tracker import Scored, Tracker

FIGURES = ("AP", "AP50", "HOTA", "AssA", "IDF1", "id_switches", "fragmentations")

_Shown = list[tuple[int, int, float, Rle]]  # track, label, score and mask, in one frame


@dataclass(frozen=True)
class Truth:
    """Videos and what is annotated in them.

    Attributes:
        videos: that are scored.
        categories: of the annotations.
        tracks: annotated ones of these videos, in the file's order.
    """

    videos: Sequence[Video]
    categories: Sequence[Category]
    tracks: Sequence[AnnotatedTrack]

    def figures(self, results: Sequence[ResultTrack]) -> dict[str, float]:
        """`FIGURES` of results: AP over the categories, the others over all objects together."""
        scored = (self.videos, self.categories, self.tracks, results)
        figures = evaluate(*scored).stats | evaluate_tracking(*scored).all
        return {name: figures[name] for name in FIGURES}


class _Timed:
    """A tracker whose updates are timed.

    Args:
        tracker: does the work.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker, self.seconds = tracker, 0.0

    def reset(self) -> None:
        """Before each video."""
        self._tracker.reset()

    def update(self, detections: Scored) -> list[int]:
        """Identities of the tracker."""
        started = time.perf_counter()
        ids = self._tracker.update(detections)
        self.seconds += time.perf_counter() - started
        return ids


def association_figures(
    truth: Truth,
    detected: Sequence[CachedVideo],
    tracker: Tracker,
    category_ids: Sequence[int],
    score_threshold: float,
) -> dict[str, dict[str, float]]:
    """Figures of a tracker and of its bounds.

    Args:
        truth: of the videos.
        detected: detections of each of its videos.
        tracker: to be tried.
        category_ids: category id of each class index.
        score_threshold: weaker detections are left out.

    Returns:
        `tracker`: `FIGURES` and `milliseconds` a frame. `perfect_association`: the figures if the
        tracker's detections that find an object (mask IoU 0.5, whatever their class) had that
        object's identity; the others keep theirs. `perfect_detections`: the figures of the tracker
        on the annotated objects, with true movements.
    """
    timed = _Timed(tracker)
    found = [
        (video, list(tracked_frames(frames, timed, score_threshold))) for video, frames in detected
    ]
    objects = _objects(truth, category_ids)
    matched = [(video, found_frames(shown, objects[video.id])) for video, shown in found]
    rungs = {
        name: [one for pair in matched for one in replaced_tracks(*pair, category_ids, parts)]
        for name, parts in (("tracker", ()), ("perfect_association", ("tracks",)))
    }
    annotated = frames_of_truth(truth, category_ids)
    rungs["perfect_detections"] = track_cached(annotated, tracker, category_ids, 0.0)
    figures = {name: truth.figures(tracks) for name, tracks in rungs.items()}
    frames = sum(video.length for video in truth.videos)
    figures["tracker"]["milliseconds"] = 1000 * timed.seconds / max(1, frames)
    return figures


def _objects(truth: Truth, category_ids: Sequence[int]) -> dict[int, list[list[TrueObject]]]:
    """The objects of each frame of each video."""
    numbers = [video.id for video in truth.videos]
    indices = indices_by_video(truth.tracks, numbers, "tracks")
    return {
        video.id: objects_by_frame(
            video, [truth.tracks[index] for index in indices.get(video.id, ())], category_ids
        )
        for video in truth.videos
    }


def frames_of_results(
    videos: Sequence[Video], results: Sequence[ResultTrack], category_ids: Sequence[int]
) -> list[CachedVideo]:
    """The masks of a results file as detections that nothing links.

    Each has its track's score and category. Movements are unknown, 0.

    Args:
        videos: that are scored.
        results: of any tracks, of single frames for instance.
        category_ids: category id of each class index.
    """
    labels = {number: label for label, number in enumerate(category_ids)}
    shown: dict[int, list[_Shown]] = {
        video.id: [[] for _ in range(video.length)] for video in videos
    }
    for index, track in enumerate(results):
        for frame, mask in enumerate(track.segmentations):
            if mask is not None and not is_background(mask) and track.video_id in shown:
                one = (index, labels[track.category_id], track.score, mask)
                shown[track.video_id][frame].append(one)
    return [(video, tuple(_frames(shown[video.id], moving=False))) for video in videos]


def frames_of_truth(truth: Truth, category_ids: Sequence[int]) -> list[CachedVideo]:
    """The annotated objects as detections of score 1, crowds left out.

    Their movements are true: those of the centres of their boxes since the frame before, 0 where
    that does not show them.

    Args:
        truth: of the videos.
        category_ids: category id of each class index; objects of others are left out.
    """
    objects = _objects(truth, category_ids)
    videos = []
    for video in truth.videos:
        shown = [
            [(one.id, one.label, 1.0, one.mask) for one in frame if not is_background(one.mask)]
            for frame in objects[video.id]
        ]
        videos.append((video, tuple(_frames(shown, moving=True))))
    return videos


def _frames(shown: Sequence[_Shown], moving: bool) -> Iterator[CachedFrame]:
    """Detections by falling score.

    Args:
        shown: per frame what it shows.
        moving: with the movements of their tracks.
    """
    before: dict[int, np.ndarray] = {}
    for frame in shown:
        ranked = sorted(frame, key=lambda one: -one[2])
        boxes = np.zeros((0, 4))
        if ranked:
            boxes = np.asarray(coco_mask.toBbox([to_coco(mask) for *_, mask in ranked]))
        boxes[:, 2:] += boxes[:, :2]
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2  # [N, 2]
        now = {number: centre for (number, *_), centre in zip(ranked, centres, strict=True)}
        movements = [
            now[number] - before[number] if moving and number in before else np.zeros(2)
            for number, *_ in ranked
        ]
        yield CachedFrame(
            boxes_xyxy=boxes.astype(np.float32),
            locations=centres.astype(np.float32),
            movements=np.array(movements, dtype=np.float32).reshape(-1, 2),
            labels=np.array([label for _, label, _, _ in ranked], dtype=np.int64),
            instances=tuple(
                TrackedInstance(0, label, score, (x1, y1, x2, y2), mask, is_empty=False)
                for (_, label, score, mask), (x1, y1, x2, y2) in zip(
                    ranked, boxes.tolist(), strict=True
                )
            ),
        )
        before = now
