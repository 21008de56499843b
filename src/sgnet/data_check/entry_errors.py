"""All errors of one entry of an annotation file, and what is sound of it.

The strict reader stops at an entry's first error. Here its functions are run again on the single
fields and frames, so that the other errors come in the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from sgnet.data.annotations.annotation_entries import (
    category_name,
    checked_area,
    checked_box,
    checked_file_name,
    parse_category,
    parse_iscrowd,
    parse_track,
    parse_video,
)
from sgnet.files.checked_json import JsonEntry, WarningCollector, whole_number
from sgnet.files.segmentation_json import segmentation_of_frame
from sgnet.records import AnnotatedTrack, Video

Check = Callable[[], object]
SOUND_VIDEO: dict[str, object] = {"id": 0, "width": 1, "height": 1, "length": 1}


def errors_of_category(entry: JsonEntry) -> list[str]:
    """What the reader would say of a category, field by field; [] where it is sound."""
    rest = (partial(entry.integer, "id"), partial(category_name, entry))
    return _errors(partial(parse_category, entry), rest)


def errors_of_video(entry: JsonEntry) -> list[str]:
    """What the reader would say of a video, name by name too; [] where it is sound."""
    return _errors(partial(parse_video, entry), _checks_of_video(entry))


def errors_of_track(
    entry: JsonEntry, videos: dict[int, Video], categories: set[int], odd: WarningCollector
) -> list[str]:
    """What the reader would say of a track, frame by frame too; [] where it is sound.

    Args:
        entry: of a YouTube-VIS file, or reshaped to one.
        videos: those of the file by id.
        categories: ids that are declared.
        odd: what the reader only warns of is added to it.
    """
    whole = partial(parse_track, entry, videos, categories, odd)
    return _errors(whole, _checks_of_track(entry, videos, categories))


def sound_part(
    entry: JsonEntry, videos: dict[int, Video], categories: set[int]
) -> AnnotatedTrack | None:
    """A track with errors less what is wrong in it: masks become absent, the rest comes from them.

    Returns:
        None where too little is left: wrong ids, no list of masks, no sound mask.
    """
    fields = {k: v for k, v in entry.fields.items() if k not in ("bboxes", "areas")}
    odd = WarningCollector()
    if _fails(partial(parse_iscrowd, entry, odd)):
        del fields["iscrowd"]
    masks = [
        None if _fails(check) else value
        for check, value in zip(
            _checks_of_masks(entry, videos), _values(entry, "segmentations"), strict=False
        )
    ]
    left = JsonEntry(entry.file, entry.name, {**fields, "segmentations": masks})
    try:
        track = parse_track(left, videos, categories, odd)
    except ValueError:
        return None
    return track if track is not None and any(track.segmentations) else None


def _errors(whole: Check, rest: Iterable[Check]) -> list[str]:
    """The messages of what fails; the rest is not looked at where the whole passes."""
    if not _fails(whole):
        return []
    messages = [error for check in (whole, *rest) if (error := _message(check))]
    return list(dict.fromkeys(messages))


def _fails(check: Check) -> bool:
    return bool(_message(check))


def _message(check: Check) -> str:
    try:
        check()
    except ValueError as error:
        return str(error)
    return ""


def _checks_of_video(entry: JsonEntry) -> Iterator[Check]:
    """Each number in an otherwise sound video, then each file name."""
    for name in SOUND_VIDEO:
        fields = {k: v for k, v in SOUND_VIDEO.items() if k != name}
        if name in entry.fields:
            fields[name] = entry.fields[name]
        yield partial(parse_video, JsonEntry(entry.file, entry.name, fields))
    if entry.has("file_names"):
        yield partial(entry.items, "file_names")
        for frame, value in enumerate(_values(entry, "file_names")):
            yield partial(checked_file_name, entry, frame, value)


def _checks_of_track(
    entry: JsonEntry, videos: dict[int, Video], categories: set[int]
) -> Iterator[Check]:
    for name in ("id", "video_id", "category_id"):
        yield partial(entry.integer, name)
    yield partial(parse_iscrowd, entry, WarningCollector())
    yield from _checks_of_masks(entry, videos)
    for name, check in (("bboxes", checked_box), ("areas", checked_area)):
        yield from _checks_of_list(entry, name, videos, categories)
        for frame, value in enumerate(_values(entry, name)):
            yield partial(check, entry, frame, value)


def _checks_of_masks(entry: JsonEntry, videos: dict[int, Video]) -> Iterator[Check]:
    video = _video_of(entry, videos)
    if video is not None:
        for frame, value in enumerate(_values(entry, "segmentations")):
            yield partial(segmentation_of_frame, entry, frame, value, video.height, video.width)


def _checks_of_list(
    entry: JsonEntry, name: str, videos: dict[int, Video], categories: set[int]
) -> Iterator[Check]:
    """A list of boxes or areas, in an otherwise sound track of absent masks."""
    video = _video_of(entry, videos)
    if video is None or not entry.has(name):
        return
    sound: dict[str, object] = {"id": 1, "video_id": video.id, "category_id": 1}
    absent = {"segmentations": [None] * video.length, name: entry.fields[name]}
    alone = JsonEntry(entry.file, entry.name, {**sound, **absent})
    yield partial(parse_track, alone, videos, categories, WarningCollector())


def _video_of(entry: JsonEntry, videos: dict[int, Video]) -> Video | None:
    number = whole_number(entry.fields.get("video_id"))
    return None if number is None else videos.get(number)


def _values(entry: JsonEntry, name: str) -> list[object]:
    value = entry.fields.get(name)
    return value if isinstance(value, list) else []
