"""KITTI MOTS and MOTSChallenge as 16-bit PNGs: a pixel is class * 1000 + instance."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from sgnet.conversion.davis import chosen_folders
from sgnet.conversion.frame_files import (
    check_sizes,
    checked_size,
    frames_in,
    images_of,
    read_index_image,
    required,
)
from sgnet.conversion.index_images import masks_by_number
from sgnet.conversion.labelled import (
    LabelledObject,
    LabelledVideo,
    LabelledVideos,
    MaskCollector,
)
from sgnet.conversion.mots import IGNORED, PER_CLASS, read_classes, sequence_frames


def read_mots_png(
    source: Path,
    images: Path | None = None,
    videos: Path | None = None,
    classes: Mapping[int, str] | None = None,
) -> LabelledVideos:
    """A folder of PNGs for each video; they decide which frames a video has.

    0 is background; 10000, the region to ignore, is left out.

    Args:
        source: folder with one folder a video, such as `instances`.
        images: folder with `<video>/*` or `<video>/img1/*`.
        videos: text file with names of videos; None takes all.
        classes: category names by class number; None reads `source/classes.json`, or takes 1 for
            car and 2 for pedestrian.

    Raises:
        ValueError: files are missing, malformed, or do not fit together.
    """
    categories = read_classes(Path(source), classes)
    names = {category.id: category.name for category in categories}
    folders = chosen_folders(Path(source), Path(videos) if videos is not None else None)
    frames = required(images)
    read = partial(_read_video, frames, names)
    return LabelledVideos(frames, map(read, folders), categories)


def _read_video(images: Path, names: dict[int, str], folder: Path) -> LabelledVideo:
    labels = [path for path in frames_in(folder) if path.suffix.lower() == ".png"]
    if not labels:
        raise ValueError(f"{folder}: expected PNG files, found none")
    frames = images_of(labels, sequence_frames(images, folder.name))
    size = None
    collector: MaskCollector[int] = MaskCollector(len(labels))
    for frame, path in enumerate(labels):
        image = read_index_image(path)
        size = checked_size(path, image, size)
        for number, mask in masks_by_number(image, (0, IGNORED)):
            if number // PER_CLASS not in names:
                raise ValueError(
                    f"{path}: pixels expected 0, {IGNORED}, or class * {PER_CLASS} + instance with "
                    f"a class of {sorted(names)}, got {number}"
                )
            collector.add(number, frame, mask)
    size = size or (0, 0)
    check_sizes(frames, size, str(labels[0]))
    objects = [
        LabelledObject(names[number // PER_CLASS], masks)
        for number, masks in sorted(collector.items())
    ]
    file_names = tuple(frame.relative_to(images).as_posix() for frame in frames)
    return LabelledVideo(folder.name, *size, file_names, tuple(objects))
