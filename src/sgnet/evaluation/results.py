"""YouTube-VIS results files: one entry a track, compressed masks or null for each frame."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from sgnet.files.atomic_file import atomic_path
from sgnet.files.checked_json import JsonEntry, WarningCollector, top_level_entries
from sgnet.files.segmentation_json import parse_segmentations, segmentation_to_json
from sgnet.records import Category, ResultTrack, Rle, Video

MASK_BYTES = len('{"size":[10000,10000],"counts":""},')
NULL_BYTES = len("null,")
TRACK_BYTES = len('{"video_id":,"category_id":,"score":,"segmentations":[]},\n')
SCORE_BYTES = 24  # of any float


def load_results(
    path: str | Path,
    videos: Sequence[Video],
    categories: Sequence[Category],
    check_lengths: bool = True,
) -> list[ResultTrack]:
    """Reads and checks a results file against the annotation file's videos and categories.

    An empty list is legal. Uncompressed masks and polygons are accepted, and tracks of undeclared
    categories left out as the official code does, each with a Python warning.
    `check_lengths=False` takes tracks that are shorter or longer than their video, as the official
    code does.

    Raises:
        ValueError: the file or an entry is malformed; the message names file, entry and field.
    """
    videos_by_id = {video.id: video for video in videos}
    category_ids = {category.id for category in categories}
    odd = WarningCollector()
    parsed = (
        parse_result(entry, videos_by_id, category_ids, odd, check_lengths)
        for entry in top_level_entries(path, "results")
    )
    tracks = [track for track in parsed if track is not None]
    odd.issue()
    return tracks


def parse_result(
    entry: JsonEntry,
    videos: dict[int, Video],
    categories: set[int],
    odd: WarningCollector,
    check_lengths: bool,
) -> ResultTrack | None:
    """Reads one entry; None where its category is not declared."""
    video_id = entry.integer("video_id")
    if video_id not in videos:
        raise entry.wrong("video_id", "the id of a video of the annotations")
    video = videos[video_id]
    length = video.length if check_lengths else None
    track = ResultTrack(
        video_id=video_id,
        category_id=entry.integer("category_id"),
        score=entry.number("score"),
        segmentations=parse_segmentations(entry, video.height, video.width, length),
    )
    _warn_of_other_forms(entry, odd)
    if track.category_id not in categories:
        problem = f"category_id {track.category_id} is not declared in the annotations; left out"
        odd.add("category_id", entry, problem)
        return None
    return track


def _warn_of_other_forms(entry: JsonEntry, odd: WarningCollector) -> None:
    """Notes masks in forms that the official code refuses in results."""
    masks = entry.items("segmentations")
    if any(isinstance(mask, dict) and isinstance(mask.get("counts"), list) for mask in masks):
        odd.add("counts", entry, "counts are lists, expected compressed strings; accepted")
    if any(isinstance(mask, list) and mask for mask in masks):
        odd.add("polygons", entry, "segmentations are polygons, expected run lengths; accepted")


def mask_bytes(mask: Rle) -> int:
    """Bytes of a mask in a results file, at most."""
    return MASK_BYTES + len(mask.counts) + mask.counts.count(b"\\")  # JSON doubles backslashes


def track_bytes(video_id: int, category_ids: Sequence[int], length: int) -> int:
    """Bytes of a track without any mask in a results file, at most.

    Args:
        video_id: of its video.
        category_ids: one of which is its own.
        length: frames of its video, each of which is null.
    """
    ids = len(str(video_id)) + max((len(str(number)) for number in category_ids), default=0)
    return TRACK_BYTES + SCORE_BYTES + ids + NULL_BYTES * length


def save_results(tracks: Iterable[ResultTrack], path: str | Path) -> None:
    """Writes a results file atomically; the tracks may come from a generator.

    The form demands an entry of every frame in every track: most of a long video's file is `null`,
    which is why nothing else is written between them.

    Raises:
        ValueError: a score is not finite.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("[")
        for index, track in enumerate(tracks):
            file.write(",\n" if index else "\n")
            file.write(json.dumps(_result_to_json(track, index), separators=(",", ":")))
        file.write("\n]\n")


def _result_to_json(track: ResultTrack, index: int) -> dict[str, object]:
    if not math.isfinite(track.score):
        raise ValueError(f"tracks[{index}].score must be finite, got {track.score}")
    return {
        "video_id": track.video_id,
        "category_id": track.category_id,
        "score": track.score,
        "segmentations": [segmentation_to_json(mask) for mask in track.segmentations],
    }


def zip_results(json_path: str | Path, zip_path: str | Path) -> None:
    """Packs a results file for submission: a zip file that holds `results.json` alone.

    Raises:
        FileNotFoundError: there is no such results file.
    """
    if not Path(json_path).is_file():
        raise FileNotFoundError(f"json_path must be a results file, got {json_path}")
    with (
        atomic_path(zip_path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.write(json_path, "results.json")
