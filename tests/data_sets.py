"""A small data set in YouTube-VIS layout, with real pictures, to be broken."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from sgnet.data.annotations.annotation_writer import save_annotations, visible_track
from sgnet.ops.rle import encode
from sgnet.records import Category, Video

WIDTH, HEIGHT, LENGTH = 96, 64, 4


def picture(seed: int, frame: int, width=WIDTH, height=HEIGHT) -> np.ndarray:
    """Smooth noise that moves a little from frame to frame."""
    noise = np.random.default_rng(seed).uniform(0, 255, (8, 12, 3)).astype(np.float32)
    large = cv2.resize(noise, (width + 16, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(large[:, frame : frame + width], 0, 255).astype(np.uint8)


def box_mask(left: int, top: int, width=20, height=12):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top : top + height, left : left + width] = 1
    return encode(mask)


def write_data_set(root: Path, seeds=(1, 2, 3), prefix="v") -> tuple[Path, Path]:
    """`<root>/train.json` and its images: a video a seed, two tracks each."""
    images, videos, tracks = root / "train/JPEGImages", [], []
    for number, seed in enumerate(seeds, 1):
        names = tuple(f"{prefix}{seed}/{frame:05d}.jpg" for frame in range(LENGTH))
        (images / names[0]).parent.mkdir(parents=True)
        for frame, name in enumerate(names):
            cv2.imwrite(str(images / name), picture(seed, frame))
        videos.append(Video(number, WIDTH, HEIGHT, LENGTH, names))
        moving = [box_mask(5 + 3 * frame, 5) for frame in range(LENGTH)]
        tracks.append(visible_track(2 * number - 1, number, 1, moving))
        late = [None, box_mask(50, 40), None, box_mask(52, 40)]
        tracks.append(visible_track(2 * number, number, 2, late))
    path = root / "train.json"
    save_annotations(path, (Category(1, "bear"), Category(2, "ape")), videos, tracks)
    return path, images


def change(path: Path, edit) -> None:
    """Edits a JSON file in place."""
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
