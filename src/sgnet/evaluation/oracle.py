"""The oracle ladder: AP with parts of what was found replaced by the truth.

It says what a better tracker, classifier, mask head or box branch could bring at most, and how much
no such part can bring because the objects are not found at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from sgnet.evaluation.average_precision import evaluate
from sgnet.evaluation.frame_matching import mask_overlaps, matched_objects
from sgnet.evaluation.track_results import TrackCollector
from sgnet.ops.rle import is_background
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Rle, TrackedInstance, Video

# rung: what is replaced. A true mask needs no box, so that "all" is with true boxes as well.
LADDER: dict[str, tuple[str, ...]] = {
    "none": (),
    "tracks": ("tracks",),
    "classes": ("classes",),
    "masks": ("masks",),
    "boxes": ("boxes",),
    "masks and classes": ("masks", "classes"),
    "all": ("tracks", "classes", "masks"),
    "all, false ones left out": ("tracks", "classes", "masks", "existence"),
}
TRUE_IDS = 2**64  # ids of true tracks minus this are no predicted ones, and keep their order
LADDER_STATS = ("AP", "AP50", "AP75")


@dataclass(frozen=True)
class TrueObject:
    """One annotated object in one frame.

    Attributes:
        id: of its annotation.
        label: class index.
        mask: in original pixels.
    """

    id: int
    label: int
    mask: Rle


@dataclass(frozen=True)
class FoundInstance:
    """A detection and the object that it finds.

    Attributes:
        instance: as it was predicted.
        found: the annotated object, None where it finds none.
        mask_in_true_box: what the network gives in the object's true box with this detection's
            scores; None where it finds none.
    """

    instance: TrackedInstance
    found: TrueObject | None
    mask_in_true_box: Rle | None

    def replaced(self, parts: Collection[str]) -> TrackedInstance | None:
        """The detection with some parts of the truth.

        One that finds no object stays as it is, or goes with `existence`.

        Args:
            parts: of tracks, classes, masks, boxes, existence.
        """
        if self.found is None:
            return None if "existence" in parts else self.instance
        result = self.instance
        if "boxes" in parts and self.mask_in_true_box is not None:
            result = _with_mask(result, self.mask_in_true_box)
        if "masks" in parts:
            result = _with_mask(result, self.found.mask)
        if "classes" in parts:
            result = replace(result, label=self.found.label)
        if "tracks" in parts:
            result = replace(result, track_id=self.found.id - TRUE_IDS)
        return result


def _with_mask(instance: TrackedInstance, mask: Rle) -> TrackedInstance:
    return replace(instance, mask=mask, is_empty=is_background(mask))


FoundFrames = Sequence[Sequence[FoundInstance]]


def objects_by_frame(
    video: Video, tracks: Sequence[AnnotatedTrack], category_ids: Sequence[int]
) -> list[list[TrueObject]]:
    """The objects of each frame of a video, crowds left out.

    Args:
        video: whose frames these are.
        tracks: its annotated tracks.
        category_ids: category id of each class index; objects of others are left out.
    """
    labels = {number: label for label, number in enumerate(category_ids)}
    frames: list[list[TrueObject]] = [[] for _ in range(video.length)]
    for track in tracks:
        if track.category_id in labels and not track.iscrowd:
            for frame, mask in zip(frames, track.segmentations, strict=False):  # official lengths
                if mask is not None:
                    frame.append(TrueObject(track.id, labels[track.category_id], mask))
    return frames


def found_frames(
    frames: Sequence[Sequence[TrackedInstance]], objects: Sequence[Sequence[TrueObject]]
) -> list[list[FoundInstance]]:
    """What each instance finds by its mask, whatever its class; see `matched_objects`.

    Args:
        frames: of a video, instances by falling score.
        objects: of the same frames.
    """
    found = []
    for instances, true in zip(frames, objects, strict=True):
        ious = mask_overlaps([one.mask for one in instances], [one.mask for one in true])
        found.append(
            [
                FoundInstance(instance, true[match] if match >= 0 else None, None)
                for instance, match in zip(instances, matched_objects(ious).tolist(), strict=True)
            ]
        )
    return found


def oracle_ladder(
    found: Sequence[tuple[Video, FoundFrames]],
    category_ids: Sequence[int],
    categories: Sequence[Category],
    ground_truth: Sequence[AnnotatedTrack],
) -> dict[str, dict[str, float]]:
    """AP, AP50 and AP75 of every rung.

    Args:
        found: per video its frames' detections.
        category_ids: category id of each class index.
        categories: of the annotations.
        ground_truth: annotated tracks of these videos, in the file's order.
    """
    videos = [video for video, _ in found]
    ladder = {}
    for rung, parts in LADDER.items():
        tracks = [
            track
            for video, frames in found
            for track in replaced_tracks(video, frames, category_ids, parts)
        ]
        stats = evaluate(videos, categories, ground_truth, tracks).stats
        ladder[rung] = {name: stats[name] for name in LADDER_STATS}
    return ladder


def replaced_tracks(
    video: Video, frames: FoundFrames, category_ids: Sequence[int], parts: Collection[str]
) -> Iterator[ResultTrack]:
    """A video's tracks with some parts of the truth.

    Categories and scores of tracks are gathered from their frames as without an oracle.

    Args:
        video: whose frames these are.
        frames: its detections; no two of a frame find the same object.
        category_ids: category id of each class index.
        parts: see `FoundInstance.replaced`.
    """
    collector = TrackCollector(video.id, video.length, category_ids)
    for index, instances in enumerate(frames):
        kept = (instance.replaced(parts) for instance in instances)
        collector.add(index, [instance for instance in kept if instance is not None])
    return collector.iterate()
