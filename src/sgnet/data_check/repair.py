"""A repaired copy of a data set, and a list of all that was done for it.

What cannot be repaired is dropped. That costs labels: an object whose track is dropped stands in
the frames unlabelled. A video that loses tracks this way and has none left is dropped as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sgnet.data.annotations.annotation_writer import save_annotations, visible_track
from sgnet.data.annotations.split_folder import new_split, place_images
from sgnet.data_check.check import Check
from sgnet.data_check.lenient_reader import Fix, ReadFile
from sgnet.files.atomic_file import require_writable, write_json
from sgnet.files.outputs import check_outputs
from sgnet.records import AnnotatedTrack, Video

FIXES_FILE = "fixes.json"
SHOWN = 8  # frames that a fix lists


class Repair:
    """The sound part of a data set.

    Attributes:
        read: the original.
        videos: those kept.
        tracks: those kept, by their index in the original.
        fixes: what was done, reading included.
    """

    def __init__(self, read: ReadFile) -> None:
        self.read = read
        self.videos: list[Video] = []
        self.tracks: dict[int, AnnotatedTrack] = {}
        self.fixes = list(read.fixes)
        self._lost = set(read.lost)
        self._numbers: set[int] = set()
        self._next_number = 1 + max((track.id for track in read.annotations.tracks()), default=0)

    def add(self, index: int, bad_frames: frozenset[int]) -> None:
        """Takes over one video less the frames that cannot be read.

        Args:
            index: of the video.
            bad_frames: counted from 0.
        """
        video, entry = self.read.annotations.videos[index], self.read.video_entries[index]
        kept = [frame for frame in range(video.length) if frame not in bad_frames]
        if video.id in self.read.contested_videos:
            self._note(entry, "dropped with its tracks: several videos claim its id")
            return
        if not kept:
            self._note(entry, "dropped with its tracks: none of its frames can be read")
            return
        indices = self.read.annotations.tracks_of_video(video.id)
        tracks = {i: t for i in indices if (t := self._track(i, kept)) is not None}
        if not tracks and video.id in self._lost:
            self._note(entry, "dropped: none of its tracks is left, but its objects are visible")
            return
        if bad_frames:
            self._note(entry, f"frames dropped that cannot be read: {_listed(bad_frames)}")
        names = tuple(video.file_names[frame] for frame in kept) if video.file_names else ()
        self.videos.append(replace(video, length=len(kept), file_names=names))
        self.tracks |= tracks

    def drop(self, index: int, reason: str) -> None:
        """Leaves out a video with its tracks."""
        self._note(self.read.video_entries[index], f"dropped with its tracks: {reason}")

    def _track(self, index: int, kept: Sequence[int]) -> AnnotatedTrack | None:
        """A track in the frames that are kept, its boxes and areas from its masks."""
        track, entry = self.read.annotations.track(index), self.read.track_entries[index]
        if track.category_id in self.read.contested_categories:
            self._note(entry, "dropped: several categories claim its category_id")
            self._lost.add(track.video_id)
            return None
        masks = [track.segmentations[frame] for frame in kept]
        shown = visible_track(track.id, track.video_id, track.category_id, masks, track.iscrowd)
        if not any(shown.segmentations):
            self._note(entry, "dropped: it is never visible")
            return None
        if [track.boxes_xywh[f] for f in kept] != list(shown.boxes_xywh) or [
            track.areas[f] for f in kept
        ] != list(shown.areas):
            self._note(entry, "boxes and areas computed from its masks")
        if track.id in self._numbers:
            shown = replace(shown, id=self._next_number)
            self._note(entry, f"id {track.id} is there twice: now {self._next_number}")
            self._next_number += 1
        self._numbers.add(shown.id)
        return shown

    def _note(self, entry: str, done: str) -> None:
        self.fixes.append(Fix(entry, done))


def repair(check: Check) -> Repair:
    """Keeps what is sound.

    Args:
        check: of the data set; where its images were looked at, frames are dropped too.

    Raises:
        ValueError: nothing is left.
    """
    if check.read is None:
        raise ValueError(f"{check.file}: cannot be read at all, so there is nothing to repair")
    repaired = Repair(check.read)
    bad = {} if check.looks is None else check.looks.bad_frames
    for index in range(len(check.read.annotations.videos)):
        if index in check.leaked:
            repaired.drop(index, "the other file shows the same")
        else:
            repaired.add(index, bad.get(index, frozenset()))
    if not repaired.videos:
        raise ValueError(f"{check.file}: no video is left to write a repaired copy of")
    return repaired


def write_repaired(check: Check, folder: Path, split: str, copy_images: bool = False) -> list[Fix]:
    """Writes `<folder>/<split>.json`, its images and `<folder>/fixes.json`; no original is changed.

    Extra fields of the original, such as licences, are not taken over.

    Args:
        check: of the data set.
        folder: to write to.
        split: name of the split, as `find_split` takes it.
        copy_images: copies the frames that are kept in place of linking the image folder.

    Returns:
        All that was done.

    Raises:
        ValueError: nothing is left, or a file of the copy is there already.
        OSError: the folder cannot be written.
    """
    images = None if check.looks is None else check.looks.folder
    path = check_repair(folder, split, [Path(check.file)], images, copy_images)
    repaired = repair(check)
    require_writable(folder)
    if check.looks is not None:
        names = _names(repaired.videos) if copy_images else None
        place_images(check.looks.folder, folder, split, names)
    data = repaired.read.annotations
    tracks = [track for _, track in sorted(repaired.tracks.items())]
    info: dict[str, object] = {"repaired_from": Path(check.file).name}
    kept = tracks if data.has_annotations else None
    save_annotations(path, data.categories, repaired.videos, kept, info)
    fixes = [{"entry": fix.entry, "done": fix.done} for fix in repaired.fixes]
    write_json(fixes, folder / FIXES_FILE)
    return repaired.fixes


def check_repair(
    folder: Path, split: str, inputs: Sequence[Path], images: Path | None, copy_images: bool = False
) -> Path:
    """Where the repaired annotation file goes; everything that is written is new.

    Args:
        folder: to write to.
        split: name of the split.
        inputs: files that are read.
        images: folder of the images that are taken over; None where there is none.
        copy_images: they are copied in place of linked.

    Raises:
        ValueError: the split's name is no plain name, or a file is there already.
    """
    path = new_split(folder, split, inputs, images, linked=not copy_images)
    check_outputs([folder / FIXES_FILE], inputs)
    return path


def _names(videos: Sequence[Video]) -> Iterator[str]:
    return (name for video in videos for name in video.file_names)


def _listed(frames: frozenset[int]) -> str:
    shown = ", ".join(str(frame) for frame in sorted(frames)[:SHOWN])
    return shown + (f" and {len(frames) - SHOWN} more" if len(frames) > SHOWN else "")
