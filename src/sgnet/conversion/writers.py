"""Labelled videos as DAVIS, MOTS and CVAT files.

Index images and MOTS hold one object a pixel: where several claim it, the highest score has it, of
equal ones the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

import numpy as np
from PIL import Image

from sgnet.conversion.cvat_shapes import mask_attributes
from sgnet.conversion.davis import VOID
from sgnet.conversion.frame_files import frame_numbers
from sgnet.conversion.index_images import masks_by_number, paint
from sgnet.conversion.labelled import LabelledVideo, LabelledVideos
from sgnet.conversion.mots import CLASSES_FILE, PER_CLASS, class_numbers
from sgnet.data.annotations.category_names import is_name
from sgnet.files.atomic_file import new_folder
from sgnet.files.path_names import checked_name
from sgnet.records import Category


def write_davis(labelled: LabelledVideos, output: Path) -> None:
    """DAVIS 2017's `Annotations/<video>/*.png`, and YouTube-VOS's `meta.json` with categories.

    Raises:
        ValueError: a video has more than 254 objects, or two frames of the same name.
    """
    with new_folder(output) as folder:
        meta: dict[str, object] = {}
        for video in labelled.videos:
            numbers = _numbers(video, [0] * len(video.objects), VOID)
            stems = _stems(video)
            for frame, stem in enumerate(stems):
                painted = paint(video.objects, numbers, frame, (video.height, video.width))
                image = Image.fromarray(painted.astype(np.uint8))
                image.putpalette(_palette())
                _save_png(image, folder / "Annotations" / video.name / f"{stem}.png")
            meta[video.name] = {
                "objects": {
                    str(number): {
                        "category": item.category,
                        "frames": [s for s, mask in zip(stems, item.masks, strict=True) if mask],
                    }
                    for number, item in zip(numbers, video.objects, strict=True)
                }
            }
        declared = [{"id": c.id, "name": c.name} for c in labelled.categories or ()]
        _save_json({"videos": meta, "categories": declared}, folder / "meta.json")


def write_mots_png(labelled: LabelledVideos, output: Path) -> None:
    """MOTS's 16-bit PNGs, `<video>/*.png`, and `classes.json`.

    Raises:
        ValueError: a video has more than 999 objects, or two frames of the same name.
    """
    with new_folder(output) as folder:
        classes = _classes(labelled.categories, folder)
        for video in labelled.videos:
            numbers = _mots_numbers(video, classes)
            for frame, stem in enumerate(_stems(video)):
                painted = paint(video.objects, numbers, frame, (video.height, video.width))
                _save_png(Image.fromarray(painted), folder / video.name / f"{stem}.png")


def write_mots_txt(labelled: LabelledVideos, output: Path) -> None:
    """MOTS's text files, `<video>.txt`, and `classes.json`; frames as `read_mots_txt` counts them.

    Raises:
        ValueError: a video has more than 999 objects.
    """
    with new_folder(output) as folder:
        classes = _classes(labelled.categories, folder)
        for video in labelled.videos:
            numbers = _mots_numbers(video, classes)
            lines = []
            for frame, number in enumerate(frame_numbers(video.file_names)):
                painted = paint(video.objects, numbers, frame, (video.height, video.width))
                lines += [
                    f"{number} {instance} {instance // PER_CLASS} {video.height} {video.width} "
                    f"{mask.counts.decode('ascii')}\n"
                    for instance, mask in masks_by_number(painted)
                ]
            (folder / f"{video.name}.txt").write_text("".join(lines), encoding="ascii")


def write_cvat(labelled: LabelledVideos, output: Path) -> None:
    """CVAT's XML 1.1 `for images`, `<video>.xml`: a mask for each object and frame.

    The group of the masks is the object. CVAT has no tracks of masks: it takes the first mask of
    a track in `for video` and drops the others and the group, but keeps groups of `for images`.
    Masks may overlap; stronger ones are drawn above.

    Raises:
        ValueError: a category's name holds characters that XML cannot.
    """
    with new_folder(output) as folder:
        for video in labelled.videos:
            root = Element("annotations")
            SubElement(root, "version").text = "1.1"
            _add_meta(root, video, labelled.categories or ())
            ranks = np.argsort(np.argsort([item.score for item in video.objects], kind="stable"))
            for frame, name in enumerate(video.file_names):
                size = {"width": str(video.width), "height": str(video.height)}
                image = SubElement(root, "image", {"id": str(frame), "name": name, **size})
                for group, (item, rank) in enumerate(zip(video.objects, ranks, strict=True), 1):
                    mask = item.masks[frame]
                    if mask is not None:
                        _add_mask(image, item.category, group, int(rank), mask_attributes(mask))
            indent(root)
            path = folder / f"{video.name}.xml"
            ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _add_meta(root: Element, video: LabelledVideo, categories: Iterable[Category]) -> None:
    task = SubElement(SubElement(root, "meta"), "task")
    SubElement(task, "name").text = video.name
    SubElement(task, "size").text = str(len(video.file_names))
    SubElement(task, "mode").text = "annotation"
    labels = SubElement(task, "labels")
    for category in categories:
        if not is_name(category.name):
            raise ValueError(
                f"category {category.id}: name must be printable, got {category.name!r}"
            )
        SubElement(SubElement(labels, "label"), "name").text = category.name


def _add_mask(
    image: Element, label: str, group: int, z_order: int, attributes: dict[str, str]
) -> None:
    fixed = {"label": label, "source": "file", "occluded": "0"}
    order = {"z_order": str(z_order), "group_id": str(group)}
    SubElement(image, "mask", {**fixed, **attributes, **order})


def _numbers(video: LabelledVideo, bases: Sequence[int], most: int) -> list[int]:
    """Numbers of the objects from 1, each above its base."""
    if len(video.objects) >= most:
        raise ValueError(
            f"video {video.name}: objects must be at most {most - 1} for this form, "
            f"got {len(video.objects)}; min_score leaves the weaker ones out"
        )
    return [base + number for number, base in enumerate(bases, start=1)]


def _mots_numbers(video: LabelledVideo, classes: dict[str, int]) -> list[int]:
    bases = [classes[item.category] * PER_CLASS for item in video.objects]
    return _numbers(video, bases, PER_CLASS)


def _stems(video: LabelledVideo) -> list[str]:
    stems = [PurePosixPath(name).stem for name in video.file_names]
    if len(set(stems)) != len(stems):
        raise ValueError(f"video {video.name}: file_names must differ before their suffixes")
    return [checked_name(stem, f"video {video.name}: name of a frame", "00000") for stem in stems]


def _classes(categories: Sequence[Category] | None, folder: Path) -> dict[str, int]:
    classes = class_numbers(categories or ())
    _save_json({str(number): name for name, number in classes.items()}, folder / CLASSES_FILE)
    return classes


def _save_png(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, format="PNG")


def _save_json(value: object, path: Path) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _palette() -> list[int]:
    """PASCAL VOC's colours, which DAVIS has: bits of the index, spread over red, green and blue."""
    colours = np.zeros((256, 3), dtype=np.int64)
    index = np.arange(256)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((index >> (3 * bit + channel)) & 1) << (7 - bit)
    flat: list[int] = colours.reshape(-1).tolist()
    return flat
