"""Reads an annotation file entry by entry, past every error.

The checks are the strict reader's own functions, so the two never disagree: what `load_annotations`
refuses is an error here, in the same words. An entry with an error is read again field by field and
frame by frame to find the others, and what is sound of a track is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from sgnet.data.annotations.annotation_entries import (
    parse_category,
    parse_track,
    parse_video,
    with_own_name,
)
from sgnet.data.annotations.coco_stills import is_coco, object_as_track, still_as_video
from sgnet.data.annotations.youtube_vis import TrackTable, VideoTable, YouTubeVIS
from sgnet.data_check.entry_errors import (
    errors_of_category,
    errors_of_track,
    errors_of_video,
    sound_part,
)
from sgnet.data_check.findings import Findings
from sgnet.files.checked_json import (
    JsonEntry,
    WarningCollector,
    as_entry,
    identified,
    top_level_object,
    whole_number,
)
from sgnet.records import AnnotatedTrack, Category, Video


@dataclass(frozen=True)
class Fix:
    """What is done about an entry, or done in a repaired copy."""

    entry: str
    done: str


@dataclass(frozen=True)
class ReadFile:
    """What is sound of an annotation file.

    Attributes:
        file: its path.
        stills: it is a COCO file, whose images are read as videos of one frame.
        annotations: sound categories, videos and tracks; ids of tracks may be there twice.
        video_entries: name of each video's entry.
        track_entries: name of each track's entry.
        contested_videos: ids that several entries claim which are not the same.
        contested_categories: the same of categories.
        outlined: indices of tracks whose masks are polygons, in a frame at least.
        lost: ids of videos of which a track cannot be read.
        fixes: entries that are left out here or only kept in part.
    """

    file: str
    stills: bool
    annotations: YouTubeVIS
    video_entries: tuple[str, ...]
    track_entries: tuple[str, ...]
    contested_videos: frozenset[int]
    contested_categories: frozenset[int]
    outlined: frozenset[int]
    lost: frozenset[int]
    fixes: tuple[Fix, ...]


def read_leniently(path: str | Path, findings: Findings) -> ReadFile | None:
    """Reads what can be read and reports everything that the strict reader would not take.

    Args:
        path: YouTube-VIS or COCO instance file.
        findings: errors and warnings are added to them.

    Returns:
        None where the file, its categories or its videos as a whole cannot be read.
    """
    try:
        document = top_level_object(path)
    except ValueError as error:
        findings.add_message("error", "file", JsonEntry(str(path), "", {}), str(error))
        return None
    reader = _LenientReader(document, findings)
    reader.read_categories()
    reader.read_videos()
    if not reader.categories or not reader.videos:
        return None
    numbers = list(reader.videos)
    table = TrackTable.pack(reader.tracks(), numbers)
    videos = VideoTable.pack(list(reader.videos.values()))
    has_annotations = document.has("annotations")
    return ReadFile(
        file=document.file,
        stills=reader.stills,
        annotations=YouTubeVIS(tuple(reader.categories.values()), videos, table, has_annotations),
        video_entries=tuple(reader.video_entries),
        track_entries=tuple(reader.track_entries),
        contested_videos=frozenset(reader.contested_videos),
        contested_categories=frozenset(reader.contested_categories),
        outlined=frozenset(reader.outlined),
        lost=frozenset(reader.lost),
        fixes=tuple(reader.fixes),
    )


@dataclass
class _LenientReader:
    """Goes through the lists of a file in turn; each needs those before it."""

    document: JsonEntry
    findings: Findings
    categories: dict[int, Category] = field(default_factory=dict)
    videos: dict[int, Video] = field(default_factory=dict)
    video_entries: list[str] = field(default_factory=list)
    track_entries: list[str] = field(default_factory=list)
    joined: dict[int, int] = field(default_factory=dict)
    contested_videos: set[int] = field(default_factory=set)
    contested_categories: set[int] = field(default_factory=set)
    refused_videos: set[int] = field(default_factory=set)
    outlined: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    fixes: list[Fix] = field(default_factory=list)

    @property
    def stills(self) -> bool:
        """Whether images stand for videos."""
        return is_coco(self.document)

    def read_categories(self) -> None:
        """Reads `categories`; of entries with one id or one name the first is kept."""
        owners: dict[str, JsonEntry] = {}
        for entry in self._entries("categories"):
            errors = errors_of_category(entry)
            if errors:
                self._drop(entry, errors)
                continue
            category = parse_category(entry)
            if category.id in {*self.categories, *self.joined}:
                self._drop(entry, [])
                if self.categories.get(category.id) != category:
                    self.contested_categories.add(category.id)
                continue
            try:
                self.categories[category.id] = with_own_name(entry, category, owners)
            except ValueError as error:
                self._report(entry, str(error))
                owner = owners[category.name.strip()]
                self.joined[category.id] = owner.integer("id")
                self.fixes.append(Fix(entry.name, f"joined with {owner.name} of the same name"))
        for number in self.contested_categories & self.joined.keys():
            del self.joined[number]  # nobody knows whose its tracks are

    def read_videos(self) -> None:
        """Reads `videos` or `images`; of entries with one id the first is kept."""
        for plain in self._entries("images" if self.stills else "videos"):
            entry = still_as_video(plain) if self.stills else plain
            errors = errors_of_video(entry)
            if errors:
                self._drop(entry, errors)
                number = whole_number(entry.fields.get("id"))
                if number is not None:
                    self.refused_videos.add(number)
                continue
            video = parse_video(entry)
            first = self.videos.setdefault(video.id, video)
            if first is video:
                self.video_entries.append(entry.name)
                continue
            self._drop(entry, [])
            if first != video:
                self.contested_videos.add(video.id)

    def tracks(self) -> Iterator[AnnotatedTrack]:
        """Reads `annotations`, one at a time."""
        if not self.document.has("annotations"):
            return
        for entry in self._entries("annotations", may_be_empty=True):
            track = self._track(entry)
            if track is not None:
                if _has_polygons(entry):
                    self.outlined.add(len(self.track_entries))
                self.track_entries.append(entry.name)
                number = self.joined.get(track.category_id, track.category_id)
                yield replace(track, category_id=number)

    def _entries(self, name: str, may_be_empty: bool = False) -> Iterator[JsonEntry]:
        """The objects of a list with their ids in their names; duplicates are reported here."""
        document = self.document
        try:
            values = document.items(name)
            if not values and not may_be_empty:
                raise document.wrong(name, "a list of at least one entry")
        except ValueError as error:
            self._report(document, str(error))
            return
        seen: set[int] = set()
        for index, value in enumerate(values):
            try:
                entry = as_entry(document.file, name, index, value)
            except ValueError as error:
                self._drop(JsonEntry(document.file, f"{name}[{index}]", {}), [str(error)])
                continue
            number = whole_number(entry.fields.get("id"))
            try:
                yield identified(entry, seen)
            except ValueError as error:
                self._report(entry, str(error))
                yield entry if number is None or number not in seen else entry.named(number)

    def _track(self, entry: JsonEntry) -> AnnotatedTrack | None:
        """One track, what is sound of it, or None."""
        shaped, errors = self._shaped(entry)
        number = whole_number(shaped.fields.get("video_id"))
        if number is not None and number in self.refused_videos - self.videos.keys():
            problem = f"video_id {number} is a video with errors; left out and not checked"
            self.findings.add("warning", "video_id", entry.file, entry.name, problem)
            self.fixes.append(Fix(entry.name, "dropped with its video"))
            return None
        odd, declared = WarningCollector(), {*self.categories, *self.joined}
        errors += errors_of_track(shaped, self.videos, declared, odd)
        for kind, messages in odd.found.items():
            for message in messages:
                self.findings.add_message("warning", kind, entry, message)
        if not errors:
            track = parse_track(shaped, self.videos, declared, WarningCollector())
            if track is None:
                self.fixes.append(Fix(entry.name, "dropped: its category is not declared"))
            return track
        track = sound_part(shaped, self.videos, declared)
        if track is None:
            self._drop(entry, errors)
            self.lost.update([] if number is None else [number])
            return None
        for message in errors:
            self._report(entry, message)
        self.fixes.append(Fix(entry.name, "kept without the fields and masks that are wrong"))
        return track

    def _shaped(self, entry: JsonEntry) -> tuple[JsonEntry, list[str]]:
        """The entry in the form of YouTube-VIS, and what is wrong with its polygons."""
        if not self.stills:
            return entry, []
        try:
            return object_as_track(entry, self.videos), []
        except ValueError as error:
            rest = {k: v for k, v in entry.fields.items() if k != "segmentation"}
            bare = JsonEntry(entry.file, entry.name, rest)
            return object_as_track(bare, self.videos), [str(error)]

    def _report(self, entry: JsonEntry, message: str) -> None:
        kind = entry.name.partition("[")[0] or "file"
        self.findings.add_message("error", kind, entry, message)

    def _drop(self, entry: JsonEntry, errors: list[str]) -> None:
        for message in errors:
            self._report(entry, message)
        self.fixes.append(Fix(entry.name, "dropped"))


def _has_polygons(entry: JsonEntry) -> bool:
    """Whether a mask of an annotation of either form is a list of polygons."""
    masks = entry.fields.get("segmentations")
    listed = [*(masks if isinstance(masks, list) else []), entry.fields.get("segmentation")]
    return any(isinstance(mask, list) and mask for mask in listed)
