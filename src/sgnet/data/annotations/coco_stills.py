"""COCO instance files as YouTube-VIS: each image is a video of one frame, each object a track.

Entries are reshaped, and checked by the same functions as those of YouTube-VIS files; messages
therefore say `file_names[0]` and `segmentations[0]` for an image's `file_name` and an object's
`segmentation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sgnet.data.annotations.annotation_entries import parse_categories, parse_track, parse_video
from sgnet.data.annotations.youtube_vis import TrackTable, VideoTable, YouTubeVIS, annotations_of
from sgnet.files.checked_json import (
    JsonEntry,
    WarningCollector,
    as_entries,
    identified,
    top_level_object,
    whole_number,
)
from sgnet.files.segmentation_json import (
    parse_segmentation,
    segmentation_to_json,
    wrong_segmentation,
)
from sgnet.records import AnnotatedTrack, Video

PER_OBJECT = {"segmentation": "segmentations", "bbox": "bboxes", "area": "areas"}


def is_coco(document: JsonEntry) -> bool:
    """Whether a file has `images` in place of `videos`."""
    return document.has("images") and not document.has("videos")


def still_as_video(entry: JsonEntry) -> JsonEntry:
    """An image's entry with the fields of a video of one frame; nothing is checked here."""
    fields = _kept(entry, "id", "width", "height")
    names = [entry.fields["file_name"]] if entry.has("file_name") else None
    return JsonEntry(entry.file, entry.name, {**fields, "length": 1, "file_names": names})


def object_as_track(entry: JsonEntry, videos: Mapping[int, Video]) -> JsonEntry:
    """An object's entry with the fields of a track of one frame, polygons as run lengths.

    Args:
        entry: of `annotations`.
        videos: the images, by id.

    Raises:
        ValueError: the polygons are malformed; everything else is left to `parse_track`.
    """
    fields = _kept(entry, "id", "category_id", "iscrowd")
    if "image_id" in entry.fields:
        fields["video_id"] = entry.fields["image_id"]
    for name, per_frame in PER_OBJECT.items():
        if entry.has(name):
            fields[per_frame] = [entry.fields[name]]
    number = whole_number(entry.fields.get("image_id"))
    still = None if number is None else videos.get(number)
    polygons = entry.fields.get("segmentation")
    if still is not None and isinstance(polygons, list):
        try:
            mask = parse_segmentation(polygons, still.height, still.width)
        except ValueError as error:
            raise wrong_segmentation(entry, "segmentation", error) from error
        fields["segmentations"] = [segmentation_to_json(mask)]
    return JsonEntry(entry.file, entry.name, {"segmentations": [None], **fields})


def _kept(entry: JsonEntry, *names: str) -> dict[str, object]:
    return {name: entry.fields[name] for name in names if name in entry.fields}


def load_coco_stills(path: str | Path) -> YouTubeVIS:
    """Reads and checks a COCO instance file; every image becomes a video of one frame.

    Objects without a segmentation are tracks that are never visible.

    Raises:
        ValueError: the file or an entry is malformed; the message names file, entry and field.
    """
    return stills_of(top_level_object(path))


def load_videos_or_stills(path: str | Path) -> YouTubeVIS:
    """Reads a YouTube-VIS annotation file or a COCO instance file, whichever it is.

    Raises:
        ValueError: the file or an entry is malformed; the message names file, entry and field.
    """
    document = top_level_object(path)
    return stills_of(document) if is_coco(document) else annotations_of(document)


def stills_of(document: JsonEntry) -> YouTubeVIS:
    """The annotations of a parsed COCO instance file; see `load_coco_stills`."""
    if not is_coco(document):
        raise document.error("images must be there and no videos; expected a COCO instance file")
    categories = parse_categories(document)
    seen: set[int] = set()
    images = as_entries(document.file, "images", document.items("images"))
    if not images:
        raise document.wrong("images", "a list of at least one entry")
    videos = [parse_video(still_as_video(identified(entry, seen))) for entry in images]
    by_id = {video.id: video for video in videos}
    has_annotations = document.has("annotations")
    entries = document.items("annotations") if has_annotations else []
    odd, known = WarningCollector(), {category.id for category in categories}

    def tracks() -> Iterator[AnnotatedTrack]:
        """One at a time: the table packs them."""
        ids: set[int] = set()
        for entry in as_entries(document.file, "annotations", entries):
            shaped = object_as_track(identified(entry, ids), by_id)
            track = parse_track(shaped, by_id, known, odd)
            if track is not None:
                yield track

    table = TrackTable.pack(tracks(), [video.id for video in videos])
    odd.issue()
    return YouTubeVIS(categories, VideoTable.pack(videos), table, has_annotations)
