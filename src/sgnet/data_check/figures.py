"""What a data set holds, in figures.

An object is a track in a frame in which its mask has a pixel. Motion is the way of its box's centre
from one annotated frame to the next. An object may be occluded where its track has a gap (it is not
visible between its first and its last frame: `hidden`) or where at least a tenth of its box is
shared with the box of another object of the frame (`covered`, which does not say who is in front).
Crowds count as tracks and objects; for motion and occlusion they are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from sgnet.ops.rle import to_coco
from sgnet.records import AnnotatedTrack, Category, Video

COVERED = 0.1  # of the own box
SAME = 0.8  # mask IoU of two tracks that are likely one object


@dataclass
class CategoryFigures:
    """Counts of one category."""

    name: str
    videos: int = 0
    tracks: int = 0
    objects: int = 0


@dataclass
class Figures:
    """Counts and distributions, filled video by video.

    Attributes:
        categories: by id, in the file's order.
        frame_sizes: videos of each (width, height).
        lengths: frames of each video.
        objects_per_frame: of every frame.
        box_sides: square root of each object's box area, pixels.
        box_shares: each object's box as a share of the frame.
        motions: pixels from an annotated frame to the next.
        motion_shares: the same as shares of the frame's diagonal.
        gaps: of each track of a video of several frames.
        single_frame_tracks: tracks seen once in a video of several frames.
        crowds: tracks that are crowds.
        crowd_objects: their objects.
        hidden: frames inside gaps.
        covered: objects whose box is shared.
        overlapping: objects whose mask has pixels that another one has as well.
    """

    categories: dict[int, CategoryFigures] = field(default_factory=dict)
    frame_sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    lengths: list[int] = field(default_factory=list)
    objects_per_frame: list[int] = field(default_factory=list)
    box_sides: list[float] = field(default_factory=list)
    box_shares: list[float] = field(default_factory=list)
    motions: list[float] = field(default_factory=list)
    motion_shares: list[float] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    single_frame_tracks: int = 0
    crowds: int = 0
    crowd_objects: int = 0
    hidden: int = 0
    covered: int = 0
    overlapping: int = 0

    @classmethod
    def of(cls, categories: Sequence[Category]) -> Figures:
        """Figures of no videos yet."""
        return cls({category.id: CategoryFigures(category.name) for category in categories})

    @property
    def tracks(self) -> int:
        """Number of tracks."""
        return sum(category.tracks for category in self.categories.values())

    def add(self, video: Video, tracks: Sequence[AnnotatedTrack]) -> list[tuple[int, int]]:
        """Adds a video with its tracks, whose boxes and areas are their masks' own.

        Returns:
            Pairs of tracks, by their position, that seem to be the same object: their masks agree
            by an IoU above 0.8 in at least half of the frames in which both are visible.
        """
        self.frame_sizes[video.width, video.height] += 1
        self.lengths.append(video.length)
        for track in tracks:
            self._add_track(video, track)
        for number in {track.category_id for track in tracks}:
            self.categories[number].videos += 1
        single = [track for track in tracks if not track.iscrowd]
        return [
            (tracks.index(single[i]), tracks.index(single[j]))
            for i, j in self._add_frames(video, tracks, single)
        ]

    def _add_track(self, video: Video, track: AnnotatedTrack) -> None:
        boxes = [box for box in track.boxes_xywh if box is not None]
        category = self.categories[track.category_id]
        category.tracks += 1
        category.objects += len(boxes)
        self.crowds += track.iscrowd
        self.crowd_objects += len(boxes) if track.iscrowd else 0
        sizes = [width * height for _, _, width, height in boxes]
        self.box_sides += [size**0.5 for size in sizes]
        self.box_shares += [size / (video.width * video.height) for size in sizes]
        if track.iscrowd or not boxes:
            return
        if video.length > 1:
            self.single_frame_tracks += len(boxes) == 1
            hidden, gaps = gaps_of([box is not None for box in track.boxes_xywh])
            self.hidden += hidden
            self.gaps.append(gaps)
        ways = motions_of(track)
        self.motions += ways
        self.motion_shares += [way / np.hypot(video.width, video.height) for way in ways]

    def _add_frames(
        self, video: Video, tracks: Sequence[AnnotatedTrack], single: Sequence[AnnotatedTrack]
    ) -> list[tuple[int, int]]:
        both: Counter[tuple[int, int]] = Counter()
        same: Counter[tuple[int, int]] = Counter()
        for frame in range(video.length):
            self.objects_per_frame.append(sum(bool(t.segmentations[frame]) for t in tracks))
            here = [i for i, track in enumerate(single) if track.segmentations[frame]]
            if len(here) < 2:
                continue
            overlaps = mask_ious([single[i] for i in here], frame)
            self.overlapping += int((overlaps > 0).any(axis=1).sum())
            boxes = np.array([single[i].boxes_xywh[frame] for i in here])
            self.covered += int((covered_shares(boxes) >= COVERED).sum())
            for a, b in zip(*np.triu_indices(len(here), 1), strict=True):
                both[here[a], here[b]] += 1
                same[here[a], here[b]] += bool(overlaps[a, b] > SAME)
        return [pair for pair in both if 2 * same[pair] >= both[pair]]


def gaps_of(visible: Sequence[bool]) -> tuple[int, int]:
    """Frames inside gaps and number of gaps, between the first and the last visible frame."""
    seen = np.flatnonzero(visible)
    steps = np.diff(seen)
    return int((steps - 1).sum()), int((steps > 1).sum())


def motions_of(track: AnnotatedTrack) -> list[float]:
    """Pixels that the box's centre goes between frames that follow each other."""
    centres = [
        None if box is None else (box[0] + box[2] / 2, box[1] + box[3] / 2)
        for box in track.boxes_xywh
    ]
    return [
        float(np.hypot(b[0] - a[0], b[1] - a[1]))
        for a, b in zip(centres, centres[1:], strict=False)
        if a is not None and b is not None
    ]


def covered_shares(boxes_xywh: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest share of each box that one other box covers: [N, 4] -> [N]."""
    first = boxes_xywh[:, :2]
    last = first + boxes_xywh[:, 2:]
    low = np.maximum(first[:, None], first[None])  # [N, N, 2]
    high = np.minimum(last[:, None], last[None])
    shared = np.clip(high - low, 0, None).prod(axis=2)  # [N, N] pixels
    np.fill_diagonal(shared, 0)
    shares: NDArray[np.float64] = shared.max(axis=1, initial=0) / boxes_xywh[:, 2:].prod(axis=1)
    return shares


def mask_ious(tracks: Sequence[AnnotatedTrack], frame: int) -> NDArray[np.float64]:
    """IoU of the masks of a frame with each other, 0 with themselves: [N, N]."""
    masks = [to_coco(mask) for t in tracks if (mask := t.segmentations[frame]) is not None]
    ious = np.asarray(coco_mask.iou(masks, masks, [0] * len(masks)), dtype=np.float64)
    np.fill_diagonal(ious, 0)
    return ious


def spread(values: Sequence[float]) -> Mapping[str, float] | None:
    """Least, 5 %, median, mean, 95 % and largest; None without values."""
    if not values:
        return None
    array = np.asarray(values, dtype=np.float64)
    low, median, high = np.quantile(array, (0.05, 0.5, 0.95)).tolist()
    ends = {"min": float(array.min()), "5%": low, "median": median, "mean": float(array.mean())}
    return {**ends, "95%": high, "max": float(array.max())}


def as_json(figures: Figures) -> dict[str, object]:
    """For report.json; distributions as `spread` gives them."""
    objects = len(figures.box_sides)
    frames = len(figures.objects_per_frame)
    single = objects - figures.crowd_objects
    expected = single + figures.hidden
    return {
        "videos": len(figures.lengths),
        "frames": frames,
        "tracks": figures.tracks,
        "crowds": figures.crowds,
        "objects": objects,
        "frame_sizes": {f"{w}x{h}": n for (w, h), n in figures.frame_sizes.most_common()},
        "lengths": spread(figures.lengths),
        "objects_per_frame": spread(figures.objects_per_frame),
        "frames_without_objects": _share(figures.objects_per_frame.count(0), frames),
        "box_sides": spread(figures.box_sides),
        "box_shares": spread(figures.box_shares),
        "motions": spread(figures.motions),
        "motion_shares": spread(figures.motion_shares),
        "hidden": _share(figures.hidden, expected),
        "covered": _share(figures.covered, expected),
        "may_be_occluded": _share(figures.hidden + figures.covered, expected),
        "overlapping_masks": _share(figures.overlapping, single),
        "gaps_per_track": spread(figures.gaps),
        "tracks_with_gaps": sum(gaps > 0 for gaps in figures.gaps),
        "tracks_of_one_frame": figures.single_frame_tracks,
        "categories": {
            str(number): {
                "name": c.name,
                "videos": c.videos,
                "tracks": c.tracks,
                "objects": c.objects,
            }
            for number, c in figures.categories.items()
        },
    }


def _share(count: int, whole: int) -> float | None:
    return count / whole if whole else None
