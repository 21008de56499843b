"""Writes a split in the layout that `find_split` reads, its images linked to where they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from sgnet.files.atomic_file import new_folder
from sgnet.files.outputs import check_outputs, is_same
from sgnet.files.path_names import checked_name


def images_beside(annotations: Path) -> Path | None:
    """The image folder that belongs to an annotation file by its place; None where there is none.

    `<split>.json` has `<split>/JPEGImages`, and `<split>/instances.json` has it beside itself.
    """
    beside = (annotations.with_suffix("") / "JPEGImages", annotations.parent / "JPEGImages")
    return next((folder for folder in beside if folder.is_dir()), None)


def split_places(root: Path, split: str) -> tuple[Path, Path]:
    """Where a split's annotation file and its image folder go.

    Raises:
        ValueError: the split's name is no plain name.
    """
    name = checked_name(split, "split")
    return root / f"{name}.json", root / name / "JPEGImages"


def new_split(
    root: Path,
    split: str,
    inputs: Iterable[Path | None],
    images: Path | None,
    linked: bool = True,
) -> Path:
    """Where a new split's annotation file goes, once nothing stands in its way.

    Args:
        root: folder of the splits.
        split: name of the split.
        inputs: files that are read.
        images: original image folder; None where there is none to place.
        linked: the folder is linked, so that a link to it may be there already.

    Returns:
        The place of the annotation file.

    Raises:
        ValueError: the name is no plain name, or a file or folder is there or is an input.
    """
    annotations, target = split_places(root, split)
    already = linked and images is not None and is_same(target, images)
    places = [*([] if images is None or already else [target]), annotations]
    check_outputs(places, inputs)
    return annotations


def place_images(images: Path, root: Path, split: str, copied: Iterable[str] | None = None) -> None:
    """Makes a split's image folder: a link to the original one, or copies.

    Args:
        images: original folder, which is never written.
        root: folder of the splits.
        split: name of the split.
        copied: names of the images to copy, relative to the folder; None links the whole folder.

    Raises:
        ValueError: something stands in its place; a link to the same folder may, where one is made.
    """
    _, target = split_places(root, split)
    if copied is None and is_same(target, images):
        return
    check_outputs([target], [])
    if copied is None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(images.resolve(), target_is_directory=True)
        return
    with new_folder(target) as folder:
        for name in dict.fromkeys(copied):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(images / name, folder / name)
