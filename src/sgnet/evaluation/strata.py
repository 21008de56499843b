"""The metric's figures on parts of the objects: long ones, fast ones, those of crowded videos.

As with the metric's own ranges of area, objects out of a part are ignored there, and so are tracks
that find them and tracks out of the part that find nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from sgnet.evaluation.average_precision import UNDEFINED, precision_recall
from sgnet.evaluation.matching import AREA_RANGES, CategoryOverlaps, Matches, match, mean_area
from sgnet.evaluation.video_iou import Track, mask_areas
from sgnet.ops.box_overlaps import box_overlaps
from sgnet.ops.rle import is_background, to_coco
from sgnet.records import AnnotatedTrack, Category, ResultTrack

RECALL_LIMIT = 10  # detections a video, of the recall
UNKNOWN = -1.0  # lies in no part

FloatArray = NDArray[np.float64]
Limits = tuple[float, float]  # both ends included


def _above(value: float) -> float:
    return float(np.nextafter(value, np.inf))


# what tracks are told apart by: parts and their limits
STRATA: dict[str, dict[str, Limits]] = {
    "area": {name: limits for name, limits in AREA_RANGES.items() if name != "all"},
    "length": {
        "1 to 9 frames": (1, 9),
        "10 to 19": (10, 19),
        "20 to 39": (20, 39),
        "40 and more": (40, np.inf),
    },
    "objects": {
        "1 in the video": (1, 1),
        "2 to 3": (2, 3),
        "4 to 6": (4, 6),
        "7 and more": (7, np.inf),
    },
    "motion": {"slow": (_above(0.9), 1), "medium": (0.7, 0.9), "fast": (0, np.nextafter(0.7, 0))},
    "hidden": {
        "never": (0, 0),
        "up to a quarter": (_above(0), 0.25),
        "more": (_above(0.25), 1),
    },
}

TITLES = {
    "category": "by category",
    "area": "by mean area of its masks",
    "length": "by frames that show it",
    "objects": "by objects of its video",
    "motion": "by motion",
    "hidden": "by frames that hide it",
}


@dataclass(frozen=True)
class StratumFigures:
    """Figures of a part of the objects, in 0..1, or `UNDEFINED` where none is annotated.

    Attributes:
        objects: annotated tracks in it, crowds left out.
        ap: over all IoU thresholds.
        ap50: at an IoU of 0.5.
        ar10: average recall of the best ten detections of a video and category.
    """

    objects: int
    ap: float
    ap50: float
    ar10: float

    def as_json(self) -> dict[str, object]:
        """The layout of score files."""
        return {"objects": self.objects, "AP": self.ap, "AP50": self.ap50, "AR10": self.ar10}


def evaluate_strata(
    measured: Sequence[CategoryOverlaps],
    ground_truth: Sequence[AnnotatedTrack],
    results: Sequence[ResultTrack],
    categories: Sequence[Category] = (),
) -> dict[str, dict[str, StratumFigures]]:
    """Scores parts of the objects by what tracks are told apart by, see `STRATA`.

    - category: each of those that are given, by its name.
    - area: mean pixels of a mask, the metric's own ranges.
    - length: frames that show the object.
    - objects: annotated in its video.
    - motion: mean IoU of its boxes in neighbouring frames; slow above 0.9, fast below 0.7 (the
      limits that detection in video uses). Objects of one frame have none.
    - hidden: share of the frames between its first and its last one that do not show it.

    Args:
        measured: overlaps of all categories, see `measure_categories`.
        ground_truth: the annotated tracks that were measured.
        results: the found ones.
        categories: to be scored apart, if any.
    """
    values = _Values(measured, ground_truth, results)
    names = {category.id: category.name for category in categories}
    same, as_found = np.zeros(len(ground_truth)), np.zeros(len(results))
    by_category = {
        names[one.category_id]: _figures([one], same, as_found, (0, 0))
        for one in measured
        if one.category_id in names
    }
    strata = {"category": by_category} if names else {}
    return strata | {
        name: {
            part: _figures(measured, values.of_annotated[name], values.of_found[name], limits)
            for part, limits in parts.items()
        }
        for name, parts in STRATA.items()
    }


class _Values:
    """What tracks are told apart by.

    Attributes:
        of_annotated: by name, a value for each annotated track.
        of_found: by name, for each found one.
    """

    def __init__(
        self,
        measured: Sequence[CategoryOverlaps],
        ground_truth: Sequence[AnnotatedTrack],
        results: Sequence[ResultTrack],
    ) -> None:
        shown = Counter(
            ground_truth[index].video_id
            for category in measured
            for indices in category.ground_truths
            for index in indices
            if not ground_truth[index].iscrowd
        )
        self.of_annotated = self._values(ground_truth, shown)
        self.of_found = self._values(results, shown)
        self.of_annotated["area"] = np.array([mean_area(track.areas) for track in ground_truth])

    @staticmethod
    def _values(
        tracks: Sequence[AnnotatedTrack] | Sequence[ResultTrack], shown: Mapping[int, int]
    ) -> dict[str, FloatArray]:
        rows = [
            [
                shown.get(track.video_id, 0),
                *(measure(track.segmentations) for measure in MEASURES.values()),
            ]
            for track in tracks  # once: they may be read from a file
        ]
        columns = np.array(rows, dtype=np.float64).reshape(len(rows), 1 + len(MEASURES)).T
        return dict(zip(("objects", *MEASURES), columns, strict=True))


def _frames(track: Track) -> list[int]:
    """Frames that show a pixel of it."""
    return [
        frame for frame, mask in enumerate(track) if mask is not None and not is_background(mask)
    ]


def frame_count(track: Track) -> float:
    """Frames that show the object."""
    return len(_frames(track))


def hidden_share(track: Track) -> float:
    """Share of the frames from its first to its last one that do not show it, in 0..1."""
    frames = _frames(track)
    return 1 - len(frames) / (frames[-1] - frames[0] + 1) if frames else UNKNOWN


def steadiness(track: Track) -> float:
    """Mean IoU of its boxes in neighbouring frames, in 0..1; `UNKNOWN` without such a pair."""
    frames = _frames(track)
    if not frames:
        return UNKNOWN
    shown = (track[frame] for frame in frames)
    boxes = coco_mask.toBbox([to_coco(mask) for mask in shown if mask is not None])
    boxes[:, 2:] += boxes[:, :2]  # [frames, 4] x1, y1, x2, y2
    neighbours = np.flatnonzero(np.diff(frames) == 1)
    if not neighbours.size:
        return UNKNOWN
    return float(np.diag(box_overlaps(boxes[neighbours], boxes[neighbours + 1])).mean())


MEASURES: dict[str, Callable[[Track], float]] = {
    "area": lambda track: mean_area(mask_areas(track)),
    "length": frame_count,
    "motion": steadiness,
    "hidden": hidden_share,
}


def _figures(
    measured: Sequence[CategoryOverlaps],
    of_annotated: FloatArray,
    of_found: FloatArray,
    limits: Limits,
) -> StratumFigures:
    curves, recalls, objects = [], [], 0
    for category in measured:
        matches = _matches(category, of_annotated, of_found, limits)
        count = sum(video.num_ground_truths for video in matches)
        if count:
            objects += count
            curves.append(precision_recall(matches, 100)[0])  # [thresholds, 101]
            recalls.append(precision_recall(matches, RECALL_LIMIT)[1])
    if not objects:
        return StratumFigures(0, UNDEFINED, UNDEFINED, UNDEFINED)
    precision = np.stack(curves)  # [categories, thresholds, 101]
    return StratumFigures(
        objects,
        float(precision.mean()),
        float(precision[:, 0].mean()),
        float(np.mean(recalls)),
    )


def _matches(
    category: CategoryOverlaps, of_annotated: FloatArray, of_found: FloatArray, limits: Limits
) -> list[Matches]:
    matches = []
    for video, overlaps in enumerate(category.videos):
        found = np.array(category.detections[video], dtype=np.int64)[overlaps.detections]
        true = np.array(category.ground_truths[video], dtype=np.int64)
        valued = replace(
            overlaps, detection_areas=of_found[found], ground_truth_areas=of_annotated[true]
        )
        matches.append(match(valued, limits))
    return matches


def strata_table(strata: Mapping[str, Mapping[str, StratumFigures]]) -> str:
    """A plain text table in per cent; - where nothing is annotated."""
    width = max(len(part) for parts in (*STRATA.values(), *strata.values()) for part in parts) + 2
    lines = [f"{'':<{width}}{'objects':>9}{'AP':>7}{'AP50':>7}{'AR10':>7}"]
    for kind, parts in strata.items():
        lines.append(TITLES[kind])
        for part, figures in parts.items():
            values = (figures.ap, figures.ap50, figures.ar10)
            cells = "".join(f"{'-' if v == UNDEFINED else f'{100 * v:.1f}':>7}" for v in values)
            lines.append(f"{'  ' + part:<{width}}{figures.objects:>9}{cells}")
    return "\n".join(lines)
