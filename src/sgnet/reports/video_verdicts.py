"""What became of each object of each video, and strips of frames that show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgnet.evaluation.matching import CategoryOverlaps
from sgnet.evaluation.track_errors import JudgedTrack
from sgnet.ops.frame_sizes import fit_within, resize_frame
from sgnet.records import AnnotatedTrack, ResultTrack, Rle, Video
from sgnet.visualization.overlay import DrawnMask, draw_masks
from sgnet.visualization.pictures import contact_sheet

FOUND, MISSED = "found", "missed"
FRAMES = 6  # of a strip
FRAME_SIZE = (225, 400)  # (height, width) that its frames are fitted into
MOST_WRONG = 3  # tracks on nothing that are drawn
WRONG_COLOURS = 1000  # identities of these, beyond those of objects

UInt8Array = NDArray[np.uint8]


@dataclass(frozen=True)
class ObjectVerdict:
    """What became of an annotated object.

    Attributes:
        index: of its annotated track.
        overlap: highest IoU over all frames with a track of its class.
        verdict: `FOUND`, the error of the track that belongs to it, or `MISSED`.
        track: index of that track in the results; None where it is missed.
    """

    index: int
    overlap: float
    verdict: str
    track: int | None


@dataclass(frozen=True)
class VideoVerdict:
    """What became of a video's objects, crowds left out.

    Attributes:
        video: itself.
        objects: by their place in the file.
        wrong: indices of the best tracks that are on no object.
    """

    video: Video
    objects: tuple[ObjectVerdict, ...]
    wrong: tuple[int, ...]

    @property
    def overlap(self) -> float:
        """Mean over its objects, by which videos are ranked; 1 without any."""
        return float(np.mean([one.overlap for one in self.objects])) if self.objects else 1.0


def video_verdicts(
    videos: Sequence[Video],
    ground_truth: Sequence[AnnotatedTrack],
    measured: Sequence[CategoryOverlaps],
    judged: Sequence[JudgedTrack],
    results: Sequence[ResultTrack],
) -> list[VideoVerdict]:
    """The videos, worst first: by the mean overlap of their objects.

    Args:
        videos: that are scored.
        ground_truth: annotated tracks.
        measured: overlaps of all categories.
        judged: the found tracks, see `judge_tracks`.
        results: the found tracks themselves.
    """
    overlaps = _best_overlaps(measured)
    belonging = _belonging(judged)
    objects: dict[int, list[ObjectVerdict]] = {video.id: [] for video in videos}
    for index, track in enumerate(ground_truth):
        if index in overlaps and not track.iscrowd:
            verdict, number = belonging.get(index, (MISSED, None))
            one = ObjectVerdict(index, overlaps[index], verdict, number)
            objects[track.video_id].append(one)
    wrong: dict[int, list[JudgedTrack]] = {video.id: [] for video in videos}
    for judgement in judged:
        if judgement.kind == "background":
            wrong[results[judgement.index].video_id].append(judgement)
    verdicts = [
        VideoVerdict(video, tuple(objects[video.id]), _best(wrong[video.id])) for video in videos
    ]
    return sorted(verdicts, key=lambda one: one.overlap)


def _best_overlaps(measured: Sequence[CategoryOverlaps]) -> dict[int, float]:
    """Highest IoU of each annotated track with one of its class."""
    best: dict[int, float] = {}
    for category in measured:
        for indices, overlaps in zip(category.ground_truths, category.videos, strict=True):
            values = overlaps.ious.max(axis=0, initial=0.0)
            best.update(zip(indices, values.tolist(), strict=True))
    return best


def _belonging(judged: Sequence[JudgedTrack]) -> dict[int, tuple[str, int]]:
    """Verdict and track of each object that has one: right ones first, then by score."""
    ranked = sorted(judged, key=lambda one: (one.kind is not None, -one.score))
    belonging: dict[int, tuple[str, int]] = {}
    for one in ranked:
        verdict = FOUND if one.kind is None else one.way or one.kind
        for index in one.objects:
            belonging.setdefault(index, (verdict, one.index))
    return belonging


def _best(judged: Sequence[JudgedTrack]) -> tuple[int, ...]:
    ranked = sorted(judged, key=lambda one: -one.score)
    return tuple(one.index for one in ranked[:MOST_WRONG])


@dataclass(frozen=True)
class Strips:
    """Draws strips of a video's frames: the annotated objects above, what was found below.

    Attributes:
        read_frame: [H, W, 3] RGB of a video and the index of its frame.
        ground_truth: annotated tracks.
        results: found tracks.
        names: category name by category id.
    """

    read_frame: Callable[[Video, int], UInt8Array]
    ground_truth: Sequence[AnnotatedTrack]
    results: Sequence[ResultTrack]
    names: Mapping[int, str]

    def strip(self, verdict: VideoVerdict) -> UInt8Array:
        """Evenly spaced frames, [H, W, 3] RGB.

        An object and the track that belongs to it have one colour and number; captions below name
        what is wrong with the track. Tracks on nothing are called so.
        """
        video = verdict.video
        steps = np.linspace(0, video.length - 1, min(FRAMES, video.length)).round().astype(int)
        frames = [(step, self.read_frame(video, step)) for step in steps.tolist()]
        return contact_sheet(
            [
                [_drawn(frame, masks(verdict, step)) for step, frame in frames]
                for masks in (self._true, self._found)
            ]
        )

    def _true(self, verdict: VideoVerdict, frame: int) -> list[DrawnMask]:
        tracks = [self.ground_truth[one.index] for one in verdict.objects]
        captions = [self.names[track.category_id] for track in tracks]
        return _shown([track.segmentations for track in tracks], captions, frame)

    def _found(self, verdict: VideoVerdict, frame: int) -> list[DrawnMask]:
        tracks = [
            () if one.track is None else self.results[one.track].segmentations
            for one in verdict.objects
        ]
        captions = ["" if one.verdict == FOUND else one.verdict for one in verdict.objects]
        wrong = [self.results[index].segmentations for index in verdict.wrong]
        return _shown(tracks, captions, frame) + _shown(
            wrong, ["on nothing"] * len(wrong), frame, WRONG_COLOURS
        )


def _shown(
    tracks: Sequence[Sequence[Rle | None]], captions: Sequence[str], frame: int, first: int = 1
) -> list[DrawnMask]:
    """What tracks show in a frame; their numbers, from `first`, give colours and captions."""
    drawn = []
    for number, (track, caption) in enumerate(zip(tracks, captions, strict=True), start=first):
        mask = track[frame] if frame < len(track) else None
        if mask is not None:
            text = caption if first == WRONG_COLOURS else f"{number} {caption}".rstrip()
            drawn.append(DrawnMask(number, text, mask))
    return drawn


def _drawn(frame: UInt8Array, masks: Sequence[DrawnMask]) -> UInt8Array:
    """The frame with masks, fitted into `FRAME_SIZE`."""
    size = fit_within((frame.shape[0], frame.shape[1]), FRAME_SIZE)
    return resize_frame(draw_masks(frame, masks), size)
