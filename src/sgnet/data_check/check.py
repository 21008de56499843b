"""The whole check of a data set: annotations, images, and what is there twice."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track as track_progress

from sgnet.data.annotations.coco_stills import load_videos_or_stills
from sgnet.data.annotations.youtube_vis import YouTubeVIS
from sgnet.data_check.figures import Figures
from sgnet.data_check.findings import Findings
from sgnet.data_check.image_checks import ImageLooks, check_images, look_at_images, video_hashes
from sgnet.data_check.lenient_reader import ReadFile, read_leniently
from sgnet.data_check.perceptual_hash import alike_pairs, sampled_frames
from sgnet.data_check.track_checks import (
    check_categories,
    check_names,
    check_track,
    shown_track,
)


@dataclass(frozen=True)
class Check:
    """What a check found.

    Attributes:
        file: the annotation file.
        findings: errors, warnings and notices.
        figures: None where the file cannot be read at all.
        read: what is sound of the file; None where it cannot be read at all.
        looks: of the images; None where they were not looked at.
        leaked: indices of videos that the other file shows as well.
    """

    file: str
    findings: Findings
    figures: Figures | None = None
    read: ReadFile | None = None
    looks: ImageLooks | None = None
    leaked: frozenset[int] = frozenset()


def check_data(
    annotations: Path,
    images: Path | None = None,
    workers: int = 2,
    against: tuple[Path, Path] | None = None,
) -> Check:
    """Reads everything once and reports every defect.

    Args:
        annotations: YouTube-VIS or COCO instance file.
        images: folder of the frames; None leaves them unread.
        workers: threads that decode.
        against: another annotation file and its image folder, whose videos must be others.

    Raises:
        ValueError: a folder is missing, `against` is malformed or without `images`.
    """
    for folder in (images, *([] if against is None else [against[1]])):
        if folder is not None and not folder.is_dir():
            raise ValueError(f"{folder}: expected the folder of the images, found none")
    if against is not None and images is None:
        raise ValueError(f"against needs the images of {annotations} as well, got images=null")
    others = None if against is None else _load(against[0])
    findings = Findings()
    read = read_leniently(annotations, findings)
    if read is None:
        return Check(str(annotations), findings)
    figures = _measure(read, findings)
    check_names(read, findings)
    check_categories(read, findings)
    if images is None:
        findings.add("notice", "images", read.file, "", "images were not looked at")
        return Check(read.file, findings, figures, read)
    looks = check_images(read, images, workers, findings)
    hashes = video_hashes(read.annotations.videos, looks.by_name)
    for i, j, share in alike_pairs(hashes):
        text = f"file_names: {share:.0%} of the frames looked at are like {read.video_entries[j]}'s"
        findings.add("warning", "near duplicate", read.file, read.video_entries[i], text)
    leaked = frozenset[int]()
    if against is not None and others is not None:
        leaked = _leaked(read, hashes, others, against, workers, findings)
    return Check(read.file, findings, figures, read, looks, leaked)


def _measure(read: ReadFile, findings: Findings) -> Figures:
    """Figures of all videos; the masks are checked on the way."""
    data = read.annotations
    figures = Figures.of(data.categories)
    console = Console(stderr=True)
    for video in track_progress(data.videos, "annotations", console=console):
        indices = data.tracks_of_video(video.id)
        shown = [shown_track(data.track(index)) for index in indices]
        for index, track in zip(indices, shown, strict=True):
            check_track(read, index, track, video, findings)
        for i, j in figures.add(video, shown):
            other = read.track_entries[indices[j]]
            text = f"segmentations agree with those of {other}; both may be the same object"
            entry = read.track_entries[indices[i]]
            findings.add("warning", "same object", read.file, entry, text)
    return figures


def _leaked(
    read: ReadFile,
    hashes: list[tuple[int | None, ...]],
    others: YouTubeVIS,
    against: tuple[Path, Path],
    workers: int,
    findings: Findings,
) -> frozenset[int]:
    """Reports the videos that another file shows as well."""
    path, folder = against
    names = [
        video.file_names[frame]
        for video in others.videos
        for frame in sampled_frames(len(video.file_names))
    ]
    looks = look_at_images(folder, names, workers, "images of the other file")
    for name, look in looks.items():
        if look.problem is not None:
            findings.add("warning", "other images", str(path), "", f"{name}: {look.problem}")
    leaked = set()
    for i, j, share in alike_pairs(hashes, video_hashes(others.videos, looks)):
        leaked.add(i)
        text = f"file_names: {share:.0%} of the frames looked at are like those of video "
        text += f"{others.videos[j].id} of {path}"
        findings.add("error", "leak", read.file, read.video_entries[i], text)
    return frozenset(leaked)


def _load(path: Path) -> YouTubeVIS:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd entries of the other file are not asked for
        return load_videos_or_stills(path)
