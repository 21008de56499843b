"""Doubtful masks, boxes and areas of a track, and doubtful names of frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sgnet.data.annotations.annotation_writer import visible_track
from sgnet.data.loading.empty_sets import visible_categories
from sgnet.data_check.findings import Findings
from sgnet.data_check.lenient_reader import ReadFile
from sgnet.records import AnnotatedTrack, Video

OVERSIZED = 0.95  # of the frame
BOX_TOLERANCE = 1.0  # pixels, each edge
POLYGON_TOLERANCE = 2.0  # of boxes of polygons, which are measured before they are filled
SHOWN = 8  # frames that a message lists

Box = tuple[float, float, float, float]


def shown_track(track: AnnotatedTrack) -> AnnotatedTrack:
    """The track with its masks' own boxes and areas; empty masks count as absent."""
    return visible_track(
        track.id, track.video_id, track.category_id, track.segmentations, track.iscrowd
    )


def check_track(
    read: ReadFile, index: int, shown: AnnotatedTrack, video: Video, findings: Findings
) -> None:
    """Warns of what the reader takes although it is doubtful; one finding a sort and track.

    Args:
        read: the file.
        index: of the track.
        shown: the track with its masks' own boxes and areas.
        video: the track's.
        findings: warnings are added to them.
    """
    given, entry = read.annotations.track(index), read.track_entries[index]

    def warn(kind: str, frames: Sequence[int], text: str) -> None:
        findings.add("warning", kind, read.file, entry, text + _more(frames))

    empty = [f for f, m in enumerate(given.segmentations) if m and not shown.segmentations[f]]
    if empty:
        warn("empty mask", empty, f"segmentations[{empty[0]}] must have a pixel, got none")
    if not any(shown.segmentations):
        warn("never visible", [], "segmentations must show the object in a frame, got none")
    large = _oversized(shown, video)
    if large:
        share = (shown.areas[large[0]] or 0.0) / (video.width * video.height)
        text = f"segmentations[{large[0]}] covers {share:.1%} of the frame"
        warn("oversized mask", large, text)
    outlined = read.stills or index in read.outlined
    tolerance = POLYGON_TOLERANCE if outlined else BOX_TOLERANCE
    pairs = zip(given.boxes_xywh, shown.boxes_xywh, strict=True)
    boxes = [f for f, (box, expected) in enumerate(pairs) if not _fit(box, expected, tolerance)]
    if boxes:
        f = boxes[0]
        ours, theirs = _listed(shown.boxes_xywh[f]), _listed(given.boxes_xywh[f])
        text = f"bboxes[{f}] must be the mask's {ours} within {tolerance:g} pixels, got {theirs}"
        warn("box", boxes, text)
    areas = _wrong_areas(given, shown, outlined)
    if areas:
        f = areas[0]
        text = f"areas[{f}] must be the mask's {shown.areas[f]:g} pixels, got {given.areas[f]:g}"
        warn("area", areas, text)


def check_names(read: ReadFile, findings: Findings) -> None:
    """Warns of frames that are named twice in a video or by several videos.

    Args:
        read: the file.
        findings: one warning is added for each video that names a frame again, and for each pair.
    """
    owner: dict[str, int] = {}
    for index, video in enumerate(read.annotations.videos):
        entry, seen = read.video_entries[index], dict[str, int]()
        again: list[int] = []
        shared: dict[int, list[int]] = {}
        for frame, name in enumerate(video.file_names):
            if seen.setdefault(name, frame) != frame:
                again.append(frame)
            other = owner.setdefault(name, index)
            if other != index:
                shared.setdefault(other, []).append(frame)
        if again:
            first = seen[video.file_names[again[0]]]
            text = f"file_names[{again[0]}] must be another frame's than file_names[{first}]"
            findings.add("warning", "repeated name", read.file, entry, text + _more(again))
        for other, frames in shared.items():
            text = f"file_names[{frames[0]}] is a frame of {read.video_entries[other]} as well"
            findings.add("warning", "shared name", read.file, entry, text + _more(frames))


def check_categories(read: ReadFile, findings: Findings) -> None:
    """Warns of categories without a track and of no object at all, where there are annotations."""
    if not read.annotations.has_annotations:
        return
    if not visible_categories(read.annotations, read.annotations.videos):
        text = "annotations must show an object that is no crowd, got none"
        findings.add("warning", "no objects", read.file, "", text)
    used = {track.category_id for track in read.annotations.tracks()}
    for category in read.annotations.categories:
        if category.id not in used:
            text = f"categories: {category.name} (id {category.id}) has no examples"
            findings.add("warning", "category without examples", read.file, "", text)


def _oversized(shown: AnnotatedTrack, video: Video) -> list[int]:
    limit = OVERSIZED * video.width * video.height
    return [f for f, area in enumerate(shown.areas) if area is not None and area > limit]


def _fit(given: Box | None, mask: Box | None, tolerance: float) -> bool:
    if given is None or mask is None:
        return True
    return all(abs(a - b) <= tolerance for a, b in zip(_edges(given), _edges(mask), strict=True))


def _edges(box: Box) -> Box:
    x, y, width, height = box
    return (x, y, x + width, y + height)


def _wrong_areas(given: AnnotatedTrack, shown: AnnotatedTrack, outlined: bool) -> list[int]:
    """Areas off by more than a pixel; those of polygons by half the box's outline."""
    wrong = []
    for frame, (area, box) in enumerate(zip(given.areas, shown.boxes_xywh, strict=True)):
        expected = shown.areas[frame]
        if area is None or expected is None or box is None:
            continue
        tolerance = box[2] + box[3] if outlined else 1.0
        if abs(area - expected) > tolerance:
            wrong.append(frame)
    return wrong


def _listed(box: Box | None) -> str:
    return "null" if box is None else "[" + ", ".join(f"{value:g}" for value in box) + "]"


def _more(frames: Iterable[int]) -> str:
    """The further frames of a finding, in brackets."""
    rest = list(frames)[1:]
    if not rest:
        return ""
    shown = ", ".join(str(frame) for frame in rest[:SHOWN])
    return f" (and in {len(rest)} more: {shown}{', ...' if len(rest) > SHOWN else ''})"
