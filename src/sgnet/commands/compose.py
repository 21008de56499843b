"""Writes videos of many objects, composed of annotated videos of few.

    sgnet compose annotations=train.json images=train/JPEGImages output=new count=100

Each video has one of the given ones as its ground; objects of others are pasted in front with their
own motion. Deterministic from the seed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.data.clips.composer import VideoComposer, write_composed
from sgnet.data.clips.frames import check_frames
from sgnet.files.atomic_file import require_makeable


def run(cfg: DictConfig) -> None:
    """Reads the annotations and writes the new data set."""
    require_makeable(str(cfg.output))
    annotations = load_annotations(cfg.annotations)
    check_frames(annotations.videos, Path(cfg.images))
    rules = instantiate(cfg.rules, _convert_="all")
    composer = VideoComposer(annotations, Path(cfg.images), rules, cfg.seed)
    path = write_composed(composer, Path(cfg.output), cfg.split, cfg.count, cfg.min_area)
    sys.stdout.write(f"{cfg.count} videos in {path}\n")
