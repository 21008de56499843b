"""COCO with videos, as mmtracking has it: an annotation for each object in each image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sgnet.conversion.frame_files import check_sizes, required, written_frame
from sgnet.conversion.labelled import (
    LabelledObject,
    LabelledVideo,
    LabelledVideos,
    MaskCollector,
)
from sgnet.conversion.regions import Points, box_mask, checked_points
from sgnet.data.annotations.annotation_entries import is_inside, parse_categories, with_slashes
from sgnet.files.checked_json import JsonEntry, as_entries, identified, top_level_object
from sgnet.files.segmentation_json import parse_segmentation, wrong_segmentation
from sgnet.ops.rle import MAX_SIDE
from sgnet.records import Rle

OBJECT_KEYS = ("instance_id", "track_id")


def read_coco_video(
    source: Path, images: Path | None = None, boxes: str = "refuse"
) -> LabelledVideos:
    """A COCO file with `videos`; frames are ordered by `frame_id`.

    Args:
        source: JSON file.
        images: folder that `file_name` is relative to.
        boxes: `refuse` annotations without segmentation, or `mask`: the box is the mask.

    Raises:
        ValueError: the file or an entry is malformed, or an image does not fit.
    """
    document = top_level_object(source)
    categories = parse_categories(document)
    names = {category.id: category.name for category in categories}
    folder = required(images)
    videos = _read_videos(document, folder, names, check_boxes(boxes))
    return LabelledVideos(folder, videos, categories)


def check_boxes(boxes: str) -> bool:
    """Whether boxes count as masks.

    Raises:
        ValueError: `boxes` is neither `refuse` nor `mask`.
    """
    if boxes not in ("refuse", "mask"):
        raise ValueError(f"boxes must be 'refuse' or 'mask', got {boxes!r}")
    return boxes == "mask"


@dataclass(frozen=True)
class _Frame:
    """An image entry and its annotations."""

    entry: JsonEntry
    annotations: list[JsonEntry]


def _read_videos(
    document: JsonEntry, images: Path, names: dict[int, str], boxes: bool
) -> Iterator[LabelledVideo]:
    frames: dict[int, _Frame] = {}
    seen: set[int] = set()
    for entry in as_entries(document.file, "images", document.items("images")):
        image = identified(entry, seen)
        frames[image.integer("id")] = _Frame(image, [])
    seen = set()
    for entry in as_entries(document.file, "annotations", document.items("annotations")):
        annotation = identified(entry, seen)
        if annotation.integer("image_id") not in frames:
            raise annotation.wrong("image_id", "the id of an image of this file")
        frames[annotation.integer("image_id")].annotations.append(annotation)
    by_video: dict[int, list[_Frame]] = {}
    for frame in frames.values():
        by_video.setdefault(frame.entry.integer("video_id"), []).append(frame)
    seen = set()
    entries = as_entries(document.file, "videos", document.items("videos"))
    videos = [identified(entry, seen) for entry in entries]
    for number, mine in by_video.items():
        if number not in seen:
            raise mine[0].entry.wrong("video_id", "the id of a video of this file")
    ordered = [_by_frame_id(video, by_video.get(video.integer("id"), [])) for video in videos]
    for video, shown in zip(videos, ordered, strict=True):
        yield _read_video(video, shown, images, names, boxes)


def _by_frame_id(video: JsonEntry, frames: list[_Frame]) -> list[_Frame]:
    """The frames of a video in order."""
    ordered = sorted(frames, key=lambda frame: frame.entry.integer("frame_id"))
    if not ordered:
        raise video.error("expected at least one image of this video, got none")
    for before, after in zip(ordered, ordered[1:], strict=False):
        if before.entry.fields["frame_id"] == after.entry.fields["frame_id"]:
            raise after.entry.wrong("frame_id", "unique in its video")
    return ordered


def _read_video(
    video: JsonEntry, frames: list[_Frame], images: Path, names: dict[int, str], boxes: bool
) -> LabelledVideo:
    first = frames[0].entry
    size = (_side(first, "height"), _side(first, "width"))
    collector: MaskCollector[int] = MaskCollector(len(frames))
    facts: dict[int, tuple[int, bool]] = {}
    for index, frame in enumerate(frames):
        found = (_side(frame.entry, "height"), _side(frame.entry, "width"))
        if found != size:
            raise frame.entry.error(
                f"height and width must be {size} as in the video's frames before, got {found}"
            )
        for entry in frame.annotations:
            number, fact = _object_number(entry), _category_and_crowd(entry, names)
            if facts.setdefault(number, fact) != fact:
                raise _differing(entry, facts[number], fact)
            if collector.has(number, index):
                raise entry.error(f"an object must be unique in a frame, got {number} again")
            collector.add(number, index, _mask(entry, size, boxes))
    file_names = tuple(_file_name(frame.entry, images) for frame in frames)
    check_sizes([images / name for name in file_names], size, video.file)
    objects = [
        LabelledObject(names[facts[number][0]], masks, facts[number][1])
        for number, masks in sorted(collector.items())
    ]
    name = str(video.fields.get("name") or video.integer("id"))
    return LabelledVideo(name, *size, file_names, tuple(objects))


def _differing(entry: JsonEntry, before: tuple[int, bool], now: tuple[int, bool]) -> ValueError:
    """Says which of category and crowd are not those of the object's frames before."""
    fields = zip(("category_id", "iscrowd"), before, now, strict=True)
    problems = [f"{name} must be {int(a)}, got {int(b)}" for name, a, b in fields if a != b]
    return entry.error(f"{' and '.join(problems)}; an object is the same in all of its frames")


def _side(entry: JsonEntry, name: str) -> int:
    return entry.integer(name, minimum=1, maximum=MAX_SIDE)


def _file_name(entry: JsonEntry, images: Path) -> str:
    name = entry.text("file_name")
    if not is_inside(name):
        raise entry.wrong("file_name", "a relative path inside the image folder")
    name = with_slashes(name)
    written = None if (images / name).is_file() else written_frame(images, name)
    return name if written is None else written.name


def _object_number(entry: JsonEntry) -> int:
    for key in OBJECT_KEYS:
        if entry.has(key):
            return entry.integer(key)
    raise entry.error(
        "instance_id or track_id must say which object over the frames this is, got neither"
    )


def _category_and_crowd(entry: JsonEntry, names: dict[int, str]) -> tuple[int, bool]:
    category = entry.integer("category_id")
    if category not in names:
        raise entry.wrong("category_id", "the id of a category of this file")
    crowd = entry.integer("iscrowd", maximum=1) if entry.has("iscrowd") else 0
    return category, bool(crowd)


def _mask(entry: JsonEntry, size: tuple[int, int], boxes: bool) -> Rle:
    value = entry.fields.get("segmentation")
    try:
        mask = parse_segmentation(value, *size)
    except ValueError as error:
        raise wrong_segmentation(entry, "segmentation", error) from error
    if mask is not None:
        return mask
    if not boxes:
        raise entry.wrong(
            "segmentation", "a polygon or a run-length encoded mask (boxes=mask takes boxes for it)"
        )
    return box_mask(_corners(entry), size)


def _corners(entry: JsonEntry) -> Points:
    x, y, width, height = [*entry.items("bbox", 4, "x, y, width, height")]
    corner = checked_points(entry, "bbox", [[x, y], [width, height]], 2)
    corner[1] += corner[0]
    return corner
