"""Decodes every image once, as training does, and keeps a few bytes of each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress

from sgnet.data.clips.frames import check_frame_size, read_frame
from sgnet.data_check.findings import Findings
from sgnet.data_check.lenient_reader import ReadFile
from sgnet.data_check.perceptual_hash import perceptual_hash, sampled_frames
from sgnet.files.listing import listed
from sgnet.records import Video

IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
BATCH = 32  # images a worker
SHOWN = 3  # names that a notice lists


class FrameLook(NamedTuple):
    """What is kept of an image.

    Attributes:
        problem: why it cannot be read; None where it can.
        size: (height, width).
        digest: of its pixels.
        hash: perceptual, None of an image of one colour.
    """

    problem: str | None
    size: tuple[int, int]
    digest: bytes
    hash: int | None


@dataclass(frozen=True)
class ImageLooks:
    """All images that a file names.

    Attributes:
        folder: that holds them.
        by_name: what was seen of each.
        bad_frames: per index of a video the frames that training cannot read.
    """

    folder: Path
    by_name: dict[str, FrameLook]
    bad_frames: dict[int, frozenset[int]]


def look_at_images(
    folder: Path, names: Iterable[str], workers: int, label: str
) -> dict[str, FrameLook]:
    """Decodes each of the images once, in threads; no more than a few are in memory.

    Args:
        folder: that holds them.
        names: of images, relative to it; those that come again are not read again.
        workers: threads.
        label: of the progress bar on stderr.

    Raises:
        ValueError: workers is not positive.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    distinct = list(dict.fromkeys(names))
    looks: dict[str, FrameLook] = {}
    with (
        Progress(console=Console(stderr=True)) as progress,
        ThreadPoolExecutor(workers) as pool,
    ):
        task = progress.add_task(label, total=len(distinct))
        step = BATCH * workers
        for batch in (distinct[k : k + step] for k in range(0, len(distinct), step)):
            looks.update(zip(batch, pool.map(partial(_look, folder), batch), strict=True))
            progress.advance(task, len(batch))
    return looks


def check_images(read: ReadFile, folder: Path, workers: int, findings: Findings) -> ImageLooks:
    """Reports frames that training cannot read, frozen videos and images that nobody names.

    Args:
        read: the annotation file.
        folder: of the images.
        workers: threads.
        findings: errors, warnings and a notice are added to them.
    """
    videos = read.annotations.videos
    looks = look_at_images(folder, _names(videos), workers, "images")
    bad: dict[int, frozenset[int]] = {}
    for index, video in enumerate(videos):
        entry = read.video_entries[index]
        if not video.file_names:
            problem = f"file_names expected {video.length} frames, got none"
            findings.add("error", "image", read.file, entry, problem)
            bad[index] = frozenset(range(video.length))
            continue
        problems = _problems(video, folder, looks)
        for frame, problem in problems.items():
            text = f"file_names[{frame}]: {problem}"
            findings.add("error", "image", read.file, entry, text)
        if problems:
            bad[index] = frozenset(problems)
        elif is_frozen([looks[name].digest for name in video.file_names]):
            text = f"file_names: all {video.length} frames are the same picture"
            findings.add("warning", "frozen video", read.file, entry, text)
    _report_unused(folder, looks.keys(), read.file, findings)
    return ImageLooks(folder, looks, bad)


def video_hashes(
    videos: Sequence[Video], looks: dict[str, FrameLook]
) -> list[tuple[int | None, ...]]:
    """The perceptual hashes of each video's sampled frames."""
    return [
        tuple(looks[video.file_names[f]].hash for f in sampled_frames(len(video.file_names)))
        for video in videos
    ]


def is_frozen(digests: Sequence[bytes]) -> bool:
    """Whether several frames all have the same pixels."""
    return len(digests) > 1 and len(set(digests)) == 1


def _names(videos: Sequence[Video]) -> Iterable[str]:
    return (name for video in videos for name in video.file_names)


def _look(folder: Path, name: str) -> FrameLook:
    try:
        image = read_frame(folder / name)
    except (ValueError, OSError) as error:
        return FrameLook(str(error), (0, 0), b"", None)
    digest = hashlib.blake2b(image.data, digest_size=8).digest()
    return FrameLook(None, (image.shape[0], image.shape[1]), digest, perceptual_hash(image))


def _problems(video: Video, folder: Path, looks: dict[str, FrameLook]) -> dict[int, str]:
    """What training would say of each frame that it cannot take."""
    found = {}
    for frame, name in enumerate(video.file_names):
        look = looks[name]
        problem = look.problem
        if problem is None:
            try:
                check_frame_size(folder / name, look.size, (video.height, video.width))
            except ValueError as error:
                problem = str(error)
        if problem is not None:
            found[frame] = problem
    return found


def _report_unused(folder: Path, used: Iterable[str], file: str, findings: Findings) -> None:
    known = {(folder / name) for name in used}
    unused = sorted(
        path.relative_to(folder).as_posix()
        for path in listed(folder, "**/*")
        if path.suffix.lower() in IMAGES and path not in known
    )
    if unused:
        shown = ", ".join(unused[:SHOWN]) + (", ..." if len(unused) > SHOWN else "")
        text = f"{len(unused)} images in {folder} are named by no video: {shown}"
        findings.add("notice", "unused images", file, "", text)
