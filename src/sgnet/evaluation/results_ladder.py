"""The oracle ladder of results alone: any file's, without a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sgnet.evaluation.average_precision import match_category, metrics_of
from sgnet.evaluation.matching import CategoryOverlaps, measure_categories
from sgnet.evaluation.oracle import (
    LADDER,
    LADDER_STATS,
    FoundFrames,
    found_frames,
    objects_by_frame,
    replaced_tracks,
)
from sgnet.evaluation.track_groups import indices_by_video
from sgnet.ops.rle import is_background
from sgnet.records import AnnotatedTrack, Category, ResultTrack, TrackedInstance, Video

# true boxes would need the network
RUNGS = {rung: parts for rung, parts in LADDER.items() if "boxes" not in parts}


def evaluate_ladder(
    videos: Sequence[Video],
    categories: Sequence[Category],
    ground_truth: Sequence[AnnotatedTrack],
    results: Sequence[ResultTrack],
) -> dict[str, dict[str, float]]:
    """AP, AP50 and AP75 of every rung but those with true boxes.

    In each frame the tracks that show something choose by falling score, each the free object of
    any class that its mask overlaps best, by an IoU of at least 0.5; those that find one take its
    part. A track's category is the vote of its frames, its score their mean. One video is looked at
    at a time.

    Raises:
        ValueError: a track's video is not among the videos, or masks of a frame differ in size.
    """
    numbers = [video.id for video in videos]
    annotated = indices_by_video(ground_truth, numbers, "ground_truth")
    found = indices_by_video(results, numbers, "results")
    category_ids = [category.id for category in categories]
    measured: dict[str, list[list[CategoryOverlaps]]] = {rung: [] for rung in RUNGS}
    for video in sorted(videos, key=lambda one: one.id):
        true = [ground_truth[index] for index in annotated.get(video.id, ())]
        tracks = [
            (index, track)
            for index in found.get(video.id, ())
            if (track := results[index]).category_id in category_ids
        ]
        objects = objects_by_frame(video, true, category_ids)
        frames = found_frames(_instances(video, tracks, category_ids), objects)
        for rung, parts in RUNGS.items():
            replaced = list(_replaced(video, frames, tracks, category_ids, parts))
            measured[rung].append(measure_categories([video], categories, true, replaced))
    ladder = {}
    for rung, parts_of_videos in measured.items():
        stats = metrics_of([match_category(one) for one in _joined(parts_of_videos)]).stats
        ladder[rung] = {name: stats[name] for name in LADDER_STATS}
    return ladder


def _instances(
    video: Video, tracks: Sequence[tuple[int, ResultTrack]], category_ids: Sequence[int]
) -> list[list[TrackedInstance]]:
    """What the tracks show in each frame, by falling score."""
    labels = {number: label for label, number in enumerate(category_ids)}
    frames: list[list[TrackedInstance]] = [[] for _ in range(video.length)]
    for index, track in sorted(tracks, key=lambda one: -one[1].score):
        for frame, mask in zip(frames, track.segmentations, strict=False):  # of official lengths
            if mask is not None and not is_background(mask):
                label, box = labels[track.category_id], (0.0, 0.0, 0.0, 0.0)
                frame.append(TrackedInstance(index, label, track.score, box, mask, False))
    return frames


def _replaced(
    video: Video,
    frames: FoundFrames,
    tracks: Sequence[tuple[int, ResultTrack]],
    category_ids: Sequence[int],
    parts: Sequence[str],
) -> Iterator[ResultTrack]:
    """The tracks of a rung; those that show nothing stay until false ones are left out."""
    if not parts:
        yield from (track for _, track in tracks)
        return
    yield from replaced_tracks(video, frames, category_ids, parts)
    if "existence" not in parts:
        shown = {instance.instance.track_id for frame in frames for instance in frame}
        yield from (track for index, track in tracks if index not in shown)


def _joined(parts: Sequence[Sequence[CategoryOverlaps]]) -> Iterator[CategoryOverlaps]:
    """The overlaps of single videos as those of all; places are still within their video."""
    for of_category in zip(*parts, strict=True):
        yield CategoryOverlaps(
            of_category[0].category_id,
            tuple(number for one in of_category for number in one.video_ids),
            tuple(places for one in of_category for places in one.detections),
            tuple(places for one in of_category for places in one.ground_truths),
            tuple(overlaps for one in of_category for overlaps in one.videos),
        )
