"""Writes annotation files in the YouTube-VIS form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from sgnet.data.annotations.category_names import check_names
from sgnet.files.atomic_file import atomic_path
from sgnet.files.segmentation_json import segmentation_to_json
from sgnet.ops.rle import area, box_xywh
from sgnet.records import AnnotatedTrack, Category, Rle, Video


def save_annotations(
    path: str | Path,
    categories: Sequence[Category],
    videos: Sequence[Video],
    tracks: Iterable[AnnotatedTrack] | None,
    info: dict[str, object] | None = None,
) -> None:
    """Writes an annotation file atomically; the tracks may come from a generator.

    Args:
        path: of the file.
        categories: in the order of the class indices.
        videos: with their frames' names.
        tracks: of these videos; None writes a file without annotations, as test sets have.
        info: what the file's `info` holds, such as where it comes from.

    Raises:
        ValueError: a track's video is none of the videos, its length differs from the video's, or
            its category is none of the categories; or two categories have one name.
    """
    by_id = {video.id: video for video in videos}
    check_names(category.name for category in categories)
    known = {category.id for category in categories}
    head = {
        "info": info or {},
        "categories": [{"id": c.id, "name": c.name} for c in categories],
        "videos": [_video_to_json(video) for video in videos],
    }
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head)[:-1])
        if tracks is not None:
            file.write(', "annotations": [')
            for index, track in enumerate(tracks):
                file.write(",\n" if index else "\n")
                file.write(json.dumps(_track_to_json(track, by_id, known)))
            file.write("\n]")
        file.write("}\n")


def visible_track(
    number: int, video_id: int, category_id: int, masks: Sequence[Rle | None], crowd: bool = False
) -> AnnotatedTrack:
    """A track whose boxes and areas are those of its masks; empty masks count as absent.

    Args:
        number: id of the track.
        video_id: id of its video.
        category_id: id of its category.
        masks: one for each frame of the video, original pixels.
        crowd: it is a crowd.
    """
    areas = [None if mask is None else area(mask) for mask in masks]
    shown = tuple(mask if size else None for mask, size in zip(masks, areas, strict=True))
    return AnnotatedTrack(
        id=number,
        video_id=video_id,
        category_id=category_id,
        iscrowd=crowd,
        segmentations=shown,
        boxes_xywh=tuple(None if mask is None else box_xywh(mask) for mask in shown),
        areas=tuple(float(size) if size else None for size in areas),
    )


def _video_to_json(video: Video) -> dict[str, object]:
    size = {"id": video.id, "width": video.width, "height": video.height, "length": video.length}
    return {**size, "file_names": list(video.file_names)} if video.file_names else dict(size)


def _track_to_json(
    track: AnnotatedTrack, videos: dict[int, Video], categories: set[int]
) -> dict[str, object]:
    video = videos.get(track.video_id)
    if video is None:
        raise ValueError(f"track {track.id}: video_id {track.video_id} is none of the videos")
    if len(track.segmentations) != video.length:
        raise ValueError(
            f"track {track.id}: segmentations must have {video.length} entries (the length of "
            f"video {video.id}), got {len(track.segmentations)}"
        )
    if track.category_id not in categories:
        raise ValueError(f"track {track.id}: category_id {track.category_id} is not declared")
    return {
        "id": track.id,
        "video_id": track.video_id,
        "category_id": track.category_id,
        "iscrowd": int(track.iscrowd),
        "width": video.width,
        "height": video.height,
        "length": video.length,
        "segmentations": [segmentation_to_json(mask) for mask in track.segmentations],
        "bboxes": [None if box is None else list(box) for box in track.boxes_xywh],
        "areas": list(track.areas),
    }
