"""Scoring a large results file: the loop of the official code beside ours.

The loop is written anew from the algorithm: every pair of tracks, frame by frame, with pycocotools;
every threshold and area range with plain loops. It checks nothing.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from benchmarks.memory import status_megabytes
from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.evaluation.matching import AREA_RANGES, IOU_THRESHOLDS
from sgnet.evaluation.scored_results import ScoredResults
from sgnet.files.segmentation_json import segmentation_to_json
from sgnet.ops.rle import area, box_xywh, encode
from sgnet.records import Rle

HEIGHT, WIDTH = 360, 640
POOL = 1000  # different masks
MOST = 100  # detections of a video and category
WRONG, RIGHT, IGNORED = range(3)

Json = dict[str, Any]


def write_case(folder: Path, sizes: Sequence[int], seed: int = 0) -> tuple[Path, Path]:
    """Writes an annotation and a results file of random outlines.

    Args:
        folder: for both.
        sizes: videos, frames, annotated tracks a video, found tracks a video, categories.
        seed: of everything random.
    """
    videos, frames, objects, tracks, categories = sizes
    random = np.random.default_rng(seed)
    pool = [_outline(random) for _ in range(POOL)]
    masks = [segmentation_to_json(mask) for mask in pool]
    shapes = [(float(area(mask)), list(box_xywh(mask))) for mask in pool]

    def drawn(video: int) -> tuple[list[int], Json]:
        chosen = random.integers(0, POOL, frames).tolist()
        entry = {"video_id": video, "category_id": int(random.integers(1, categories + 1))}
        return chosen, entry | {"segmentations": [masks[index] for index in chosen]}

    annotations: list[Json] = []
    results: list[Json] = []
    for video in range(1, videos + 1):
        truths = []
        for _ in range(objects):
            chosen, entry = drawn(video)
            truths.append((chosen, entry["category_id"]))
            annotations.append(
                {
                    **entry,
                    "id": len(annotations) + 1,
                    "iscrowd": 0,
                    "areas": [shapes[index][0] for index in chosen],
                    "bboxes": [shapes[index][1] for index in chosen],
                }
            )
        for number in range(tracks):
            _, entry = drawn(video)
            if number < objects:  # finds an object in most of its frames
                chosen, entry["category_id"] = truths[number]
                kept = random.random(frames) < random.uniform(0.4, 1)
                entry["segmentations"] = [
                    masks[index] if keep else None
                    for index, keep in zip(chosen, kept.tolist(), strict=True)
                ]
            results.append({**entry, "score": float(random.random())})
    document = {
        "videos": [
            {"id": video, "height": HEIGHT, "width": WIDTH, "length": frames}
            for video in range(1, videos + 1)
        ],
        "categories": [{"id": number, "name": str(number)} for number in range(1, categories + 1)],
        "annotations": annotations,
    }
    paths = folder / "annotations.json", folder / "results.json"
    for path, content in zip(paths, (document, results), strict=True):
        path.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
    return paths


def _outline(random: np.random.Generator) -> Rle:
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    radii = np.full(len(angles), random.uniform(40, 100))
    for waves in (3, 7):
        radii *= 1 + random.uniform(0, 0.12) * np.sin(waves * angles + random.uniform(0, 6))
    centre = random.uniform([100, 100], [WIDTH - 100, HEIGHT - 100])
    points = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1)
    return encode(mask)


def loop_ap(annotations: Path, results: Path) -> float:
    """AP over all categories by the loops of the official code."""
    truth = json.loads(annotations.read_text(encoding="utf-8"))
    found = json.loads(results.read_text(encoding="utf-8"))
    for entry in found:
        shown = [mask for mask in entry["segmentations"] if mask]
        areas = [int(coco_mask.area(mask)) for mask in shown]
        entry["bboxes"] = [coco_mask.toBbox(mask).tolist() for mask in shown]
        entry["area"] = float(np.mean(areas)) if areas else 0.0
    for entry in truth["annotations"]:
        entry["segmentations"] = [_compressed(mask) for mask in entry["segmentations"]]
        entry["area"] = float(np.mean([value for value in entry["areas"] if value]))
    detections, objects = _grouped(found), _grouped(truth["annotations"])
    numbers = sorted({video["id"] for video in truth["videos"]})
    curves: list[list[float]] = []
    for category in truth["categories"]:
        keys = [(number, category["id"]) for number in numbers]
        pairs = [(detections.get(key, []), objects.get(key, [])) for key in keys]
        if any(not true["iscrowd"] for _, annotated in pairs for true in annotated):
            curves += _curves([_evaluated(*pair) for pair in pairs])
    return float(np.mean(curves)) if curves else -1.0


def _compressed(mask: Json | None) -> Json | None:
    if not mask or not isinstance(mask["counts"], list):
        return mask
    compressed: Json = coco_mask.frPyObjects(mask, *mask["size"])
    return compressed


def _grouped(entries: list[Json]) -> dict[tuple[int, int], list[Json]]:
    groups: dict[tuple[int, int], list[Json]] = {}
    for entry in entries:
        groups.setdefault((entry["video_id"], entry["category_id"]), []).append(entry)
    return groups


def _evaluated(detections: list[Json], objects: list[Json]) -> Json:
    """Matches of one video and category in every area range, as the official code computes them."""
    ranked = sorted(detections, key=lambda entry: -entry["score"])[:MOST]
    ious = [[_iou(found["segmentations"], true["segmentations"]) for true in objects]
            for found in ranked]  # fmt: skip
    by_range = [_matches(ranked, objects, ious, limits) for limits in AREA_RANGES.values()]
    return {
        "scores": [entry["score"] for entry in ranked],
        "matched": by_range[0],  # of all areas; the other ranges are computed for the time alone
        "objects": sum(not true["iscrowd"] for true in objects),
    }


def _iou(found: list[Any], true: list[Any]) -> float:
    intersection = union = 0.0
    for first, second in zip(found, true, strict=False):  # what both have
        if first and second:
            intersection += coco_mask.area(coco_mask.merge([first, second], True))
            union += coco_mask.area(coco_mask.merge([first, second], False))
        elif first or second:
            union += coco_mask.area(first or second)
    return intersection / union if union else 0.0


def _matches(
    ranked: list[Json], objects: list[Json], ious: list[list[float]], limits: tuple[float, float]
) -> list[list[int]]:
    """For each threshold and detection `RIGHT`, `WRONG` or `IGNORED`."""
    ignored = [
        bool(true["iscrowd"]) or not limits[0] <= true["area"] <= limits[1] for true in objects
    ]
    order = sorted(range(len(objects)), key=lambda index: ignored[index])
    matches = []
    for threshold in IOU_THRESHOLDS:
        taken: set[int] = set()
        row = []
        for number in range(len(ranked)):
            best, chosen = min(float(threshold), 1 - 1e-10), -1
            for index in order:
                if index in taken and not objects[index]["iscrowd"]:
                    continue
                if chosen >= 0 and not ignored[chosen] and ignored[index]:
                    break
                if ious[number][index] >= best:
                    best, chosen = ious[number][index], index
            if chosen >= 0:
                taken.add(chosen)
            row.append(WRONG if chosen < 0 else IGNORED if ignored[chosen] else RIGHT)
        matches.append(row)
    return matches


def _curves(videos: list[Json]) -> list[list[float]]:
    """Precision at the 101 recall points, a list for each threshold."""
    annotated = sum(video["objects"] for video in videos)
    scores = np.array([score for video in videos for score in video["scores"]])
    ranking = np.argsort(-scores, kind="stable")
    curves = []
    for threshold in range(len(IOU_THRESHOLDS)):
        flags = np.array([flag for video in videos for flag in video["matched"][threshold]], int)
        hits, misses = ((flags[ranking] == kind).cumsum() for kind in (RIGHT, WRONG))
        precision = (hits / (hits + misses + np.spacing(1))).tolist()
        for place in range(len(precision) - 1, 0, -1):
            precision[place - 1] = max(precision[place - 1], precision[place])
        places = np.searchsorted(hits / annotated, np.linspace(0, 1, 101), side="left")
        curves.append([precision[p] if p < len(precision) else 0.0 for p in places.tolist()])
    return curves


def our_ap(annotations: Path, results: Path) -> float:
    """AP over all categories as `score.py` computes it, every check on; in 0..1."""
    truth = load_annotations(annotations)
    known = (truth.videos, truth.categories, list(truth.tracks()))
    return ScoredResults.from_file(results, *known).metrics.stats["AP"]


CONTESTANTS: dict[str, Callable[[Path, Path], float]] = {"loop": loop_ap, "sgnet": our_ap}


def timed_alone(name: str, annotations: Path, results: Path) -> dict[str, float]:
    """AP, seconds and megabytes at the peak of a contestant in a process of its own.

    Neither starting the process nor imports count, nor what they take of the memory, which is NaN
    but on Linux.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_timed, name, annotations, results).result()


def _timed(name: str, annotations: Path, results: Path) -> dict[str, float]:
    with suppress(ImportError):
        import sgnet.evaluation.results_file  # noqa: F401 - which is imported when it is needed
    before = status_megabytes("VmHWM")
    started = time.perf_counter()
    found = CONTESTANTS[name](annotations, results)
    seconds = time.perf_counter() - started
    after = status_megabytes("VmHWM")
    grown = float("nan") if before is None or after is None else after - before
    return {"AP": found, "seconds": seconds, "megabytes": grown}
