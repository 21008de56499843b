"""Labelled videos of other forms to a YouTube-VIS data set: SPLIT.json and SPLIT/JPEGImages.

sgnet convert from=cvat source=annotations.xml images=frames output=data/mine

The source is never changed. Malformed labels end with a message, and nothing is written.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from sgnet.conversion.frame_files import write_frames
from sgnet.conversion.labelled import LabelledVideos
from sgnet.conversion.youtube_vis import save_split
from sgnet.files.archives import refuse_archive
from sgnet.files.atomic_file import new_folder, require_makeable
from sgnet.files.path_names import checked_name


def run(cfg: DictConfig) -> None:
    """Reads the labels, writes the split and shows its annotation file."""
    sys.stdout.write(f"{_convert(cfg)}\n")


def _convert(cfg: DictConfig) -> Path:
    source, output, split = Path(str(cfg.source)), Path(str(cfg.output)), str(cfg.split)
    refuse_archive(source, "source")
    refuse_archive(cfg.images, "images")
    like = None if cfg.like is None else Path(str(cfg.like))
    require_makeable(output)
    read = instantiate(cfg["from"], source=source, _partial_=True, _convert_="all")
    if cfg.source_video is None:
        images = None if cfg.images is None else Path(str(cfg.images))
        place = "copy" if cfg.copy_images else "link"
        return save_split(read(images=images), output, split, place, like)
    if cfg.images is not None:
        raise ValueError("expected images or source_video, got both")
    with new_folder(output / checked_name(split, "split") / "JPEGImages") as folder:
        name = checked_name(source.stem, "name of source", "clip.xml")
        write_frames(Path(str(cfg.source_video)), folder / name)
        labelled = _of_one_video(read(images=folder / name), name)
        return save_split(labelled, output, split, "there", like)


def _of_one_video(labelled: LabelledVideos, folder: str) -> LabelledVideos:
    """Labels of one video whose images lie in a folder of their own."""
    videos = list(labelled.videos)
    if len(videos) > 1:
        raise ValueError(f"source_video needs the labels of one video, got {len(videos)}")
    moved = [replace(v, file_names=tuple(f"{folder}/{n}" for n in v.file_names)) for v in videos]
    return replace(labelled, images=labelled.images.parent, videos=moved)
