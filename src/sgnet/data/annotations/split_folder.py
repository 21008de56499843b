"""Writes a split in the layout that `find_split` reads, its images linked to where they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from sgnet.files.atomic_file import atomic_path


def images_beside(annotations: Path) -> Path | None:
    """The image folder that belongs to an annotation file by its place; None where there is none.

    `<split>.json` has `<split>/JPEGImages`, and `<split>/instances.json` has it beside itself.
    """
    beside = (annotations.with_suffix("") / "JPEGImages", annotations.parent / "JPEGImages")
    return next((folder for folder in beside if folder.is_dir()), None)


def annotation_path(root: Path, split: str, original: Path) -> Path:
    """Where a split's annotation file goes.

    Raises:
        ValueError: the original file is there.
    """
    path = root / f"{split}.json"
    if path.resolve() == original.resolve():
        raise ValueError(f"{path}: expected another folder than that of the original file")
    return path


def place_images(images: Path, root: Path, split: str, copied: Iterable[str] | None = None) -> None:
    """Makes a split's image folder: a link to the original one, or copies.

    Args:
        images: original folder, which is never written.
        root: folder of the splits.
        split: name of the split.
        copied: names of the images to copy, relative to the folder; None links the whole folder.

    Raises:
        ValueError: something else than a link stands in its place, or anything where images are
            to be copied.
    """
    target = root / split / "JPEGImages"
    if target.exists() and (copied is not None or not target.is_symlink()):
        raise ValueError(f"{target}: expected no such folder yet, since images go there")
    if copied is None:
        with atomic_path(target) as temporary:
            temporary.symlink_to(images.resolve(), target_is_directory=True)
        return
    for name in dict.fromkeys(copied):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(images / name, target / name)
