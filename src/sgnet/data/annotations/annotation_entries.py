"""Checks of the entries of a YouTube-VIS annotation file, one function a kind of entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath, PureWindowsPath

from sgnet.data.annotations.category_names import is_name
from sgnet.files.checked_json import (
    JsonEntry,
    WarningCollector,
    as_entries,
    describe,
    finite_number,
    identified,
)
from sgnet.files.segmentation_json import parse_segmentations
from sgnet.ops.rle import MAX_SIDE, area, box_xywh
from sgnet.records import AnnotatedTrack, Category, Rle, Video

MAX_FRAMES = 100_000  # over an hour at 25 frames a second

Box = tuple[float, float, float, float]


def parse_categories(document: JsonEntry) -> tuple[Category, ...]:
    """Reads `categories`.

    Raises:
        ValueError: the list is missing or empty, an entry is malformed, or two have one name.
    """
    owners: dict[str, JsonEntry] = {}
    return tuple(
        with_own_name(entry, parse_category(entry), owners)
        for entry in _unique_entries(document, "categories")
    )


def parse_category(entry: JsonEntry) -> Category:
    """Reads one of the `categories`.

    Raises:
        ValueError: a field is malformed.
    """
    return Category(entry.integer("id"), category_name(entry))


def category_name(entry: JsonEntry) -> str:
    """The name of one of the `categories`.

    Raises:
        ValueError: it is missing, blank, or holds control characters.
    """
    name = entry.text("name")
    if not is_name(name):
        raise entry.wrong("name", "a name of printable characters on one line")
    return name


def with_own_name(entry: JsonEntry, category: Category, owners: dict[str, JsonEntry]) -> Category:
    """The category, where no other one before has its name; spaces around names do not count.

    Checkpoints, logs and evaluation know categories by their names.

    Args:
        entry: of the category.
        category: as it was read from it.
        owners: the entries of those before, by name; this one is added.

    Raises:
        ValueError: an entry before has the name.
    """
    owner = owners.setdefault(category.name.strip(), entry)
    if owner is entry:
        return category
    raise entry.error(
        "name must be unique: categories must have a name of their own each, got "
        f"{describe(category.name)}, that of {owner.name}; rename one, or have them joined "
        "(check_data.py fix=FOLDER)"
    )


def parse_videos(document: JsonEntry) -> list[Video]:
    """Reads `videos`; sides go up to `MAX_SIDE` pixels and lengths up to `MAX_FRAMES`.

    Raises:
        ValueError: the list is missing or empty, or an entry is malformed.
    """
    return [parse_video(entry) for entry in _unique_entries(document, "videos")]


def _unique_entries(document: JsonEntry, name: str) -> list[JsonEntry]:
    entries = as_entries(document.file, name, document.items(name))
    if not entries:
        raise document.wrong(name, "a list of at least one entry")
    seen: set[int] = set()
    return [identified(entry, seen) for entry in entries]


def parse_video(entry: JsonEntry) -> Video:
    """Reads one of the `videos`.

    Raises:
        ValueError: a field is malformed.
    """
    length = entry.integer("length", minimum=1, maximum=MAX_FRAMES)
    return Video(
        id=entry.integer("id"),
        width=entry.integer("width", minimum=1, maximum=MAX_SIDE),
        height=entry.integer("height", minimum=1, maximum=MAX_SIDE),
        length=length,
        file_names=_parse_file_names(entry, length) if entry.has("file_names") else (),
    )


def _parse_file_names(entry: JsonEntry, length: int) -> tuple[str, ...]:
    names = entry.items("file_names", length, "the video's length")
    return tuple(checked_file_name(entry, frame, name) for frame, name in enumerate(names))


def checked_file_name(entry: JsonEntry, frame: int, name: object) -> str:
    """A frame's name, with `/` between folders.

    Raises:
        ValueError: it is none, or leads out of the image folder.
    """
    if isinstance(name, str) and name and is_inside(name):
        return with_slashes(name)
    raise entry.error(
        f"file_names[{frame}] must be a relative path inside the image folder, got {describe(name)}"
    )


def with_slashes(name: str) -> str:
    """A relative path as every system reads it; Windows writes backslashes between folders."""
    return name.replace("\\", "/")


def is_inside(name: str) -> bool:
    """True for a relative path without `..`, drive, control characters or lone surrogates."""
    windows = PureWindowsPath(name)
    return not (
        PurePosixPath(name).is_absolute()
        or windows.anchor
        or ".." in windows.parts  # splits at / and at \
        or not name.isprintable()
    )


def parse_track(
    entry: JsonEntry,
    videos: dict[int, Video],
    categories: set[int],
    odd: WarningCollector,
    check_lengths: bool = True,
) -> AnnotatedTrack | None:
    """Reads one annotation; its lists must be as long as the video unless told otherwise.

    Returns:
        The track, or None where its category is not declared, which the metric leaves out as well.

    Raises:
        ValueError: a field is malformed.
    """
    number, video_id = entry.integer("id"), entry.integer("video_id")
    if video_id not in videos:
        raise entry.wrong("video_id", "the id of a video of this file")
    video = videos[video_id]
    length = video.length if check_lengths else None
    masks = parse_segmentations(entry, video.height, video.width, length)
    track = AnnotatedTrack(
        id=number,
        video_id=video_id,
        category_id=entry.integer("category_id"),
        iscrowd=parse_iscrowd(entry, odd),
        segmentations=masks,
        boxes_xywh=_parse_boxes(entry, masks, odd),
        areas=_parse_areas(entry, masks, odd),
    )
    if number == 0:
        odd.add("id", entry, "id is 0, whose matches the official code takes for none; we do not")
    if track.category_id not in categories:
        odd.add(
            "category_id",
            entry,
            f"category_id {track.category_id} is not declared in categories; left out",
        )
        return None
    return track


def parse_iscrowd(entry: JsonEntry, odd: WarningCollector) -> bool:
    """Reads `iscrowd`; missing is 0.

    Raises:
        ValueError: it is there and neither 0 nor 1.
    """
    value = entry.fields.get("iscrowd")
    if value is None:
        odd.add("iscrowd", entry, "iscrowd is missing; taken as 0")
        return False
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    raise entry.wrong("iscrowd", "0 or 1")


def _parse_boxes(
    entry: JsonEntry, masks: Sequence[Rle | None], odd: WarningCollector
) -> tuple[Box | None, ...]:
    """Reads `bboxes`; the mask decides where the object is, and gives a box where none is given."""
    if not entry.has("bboxes"):
        odd.add("bboxes missing", entry, "bboxes is missing; taken from the masks")
        return tuple(None if mask is None else box_xywh(mask) for mask in masks)
    boxes: list[Box | None] = []
    for frame, (value, mask) in enumerate(
        zip(_per_frame(entry, "bboxes", masks), masks, strict=True)
    ):
        box = checked_box(entry, frame, value)
        if mask is None and box is not None:
            odd.add("bboxes", entry, f"bboxes[{frame}] has a box but no segmentation; left out")
            box = None
        boxes.append(box_xywh(mask) if box is None and mask is not None else box)
    return tuple(boxes)


def checked_box(entry: JsonEntry, frame: int, value: object) -> Box | None:
    """A frame's box; null and [] say that there is none.

    Raises:
        ValueError: it is no list of four numbers, or has a negative side.
    """
    if value is None or value == []:
        return None
    numbers = [finite_number(item) for item in value] if isinstance(value, list) else []
    known = [number for number in numbers if number is not None]
    if len(numbers) == len(known) == 4 and known[2] >= 0 and known[3] >= 0:
        return (known[0], known[1], known[2], known[3])
    raise entry.error(
        f"bboxes[{frame}] must be [x, y, width, height], finite and no negative width or height, "
        f"or null, got {describe(value)}"
    )


def _parse_areas(
    entry: JsonEntry, masks: Sequence[Rle | None], odd: WarningCollector
) -> tuple[float | None, ...]:
    """Reads `areas` as they are, since the metric uses them; without any, the masks' areas."""
    if not entry.has("areas"):
        odd.add(
            "areas missing", entry, "areas is missing, by which the metric sorts; taken from masks"
        )
        return tuple(None if mask is None else float(area(mask)) for mask in masks)
    values = _per_frame(entry, "areas", masks)
    areas = tuple(checked_area(entry, frame, value) for frame, value in enumerate(values))
    pairs = zip(areas, masks, strict=True)
    unknown = [f for f, (number, mask) in enumerate(pairs) if number is None and mask is not None]
    if unknown:
        odd.add(
            "areas missing",
            entry,
            f"areas[{unknown[0]}] is null where the object is visible; left out of its mean area",
        )
    return areas


def checked_area(entry: JsonEntry, frame: int, value: object) -> float | None:
    """A frame's area; null says that there is none.

    Raises:
        ValueError: it is no number, or negative.
    """
    if value is None:
        return None
    number = finite_number(value)
    if number is None or number < 0:
        raise entry.error(
            f"areas[{frame}] must be a number of at least 0 or null, got {describe(value)}"
        )
    return number


def _per_frame(entry: JsonEntry, name: str, masks: Sequence[Rle | None]) -> Iterable[object]:
    return entry.items(name, len(masks), "one for each of the segmentations")
