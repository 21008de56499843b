"""Folders of images: their order, numbers and sizes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from sgnet.files.image_file import check_single, read_header
from sgnet.files.image_limits import ImageFileError, check_room
from sgnet.files.listing import listed
from sgnet.inference.sources import open_source
from sgnet.inference.sources.images import image_files, natural_order


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) of an image as it is shown; its pixels stay packed.

    Raises:
        ValueError: missing, no image, or a file of several.
    """
    if not path.is_file():
        raise ValueError(f"{path}: image is missing; expected an image file")
    try:
        header = read_header(path.read_bytes())
        check_single(header)
    except ImageFileError as error:
        raise ValueError(f"{path}: {error}") from error
    return header.size


def check_sizes(paths: Sequence[Path], size: tuple[int, int], promised_by: str) -> None:
    """Compares the sizes of images with what the labels promise.

    Raises:
        ValueError: an image is missing, unreadable or of another size.
    """
    for path in paths:
        found = image_size(path)
        if found != size:
            raise ValueError(
                f"{path}: frame size (height, width) expected {size} by {promised_by}, got {found}"
            )


def read_index_image(path: Path) -> NDArray[np.uint16]:
    """The stored numbers [H, W] of a PNG, palette indices where it has a palette.

    Raises:
        ValueError: missing, no PNG, cut off, or in colours.
    """
    image = _opened(path)
    with image:
        if image.format != "PNG" or image.mode not in ("1", "L", "P", "I", "I;16"):
            raise ValueError(
                f"{path}: expected a PNG with a palette or in grey (8 or 16 bits), "
                f"got {image.format} of mode {image.mode}"
            )
        try:
            values = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise ValueError(f"{path}: cannot be decoded: expected a whole PNG: {error}") from error
    return values.astype(np.uint16)


def has_palette(path: Path) -> bool:
    """Whether an image file stores palette indices."""
    with _opened(path) as image:
        return image.mode == "P"


def _opened(path: Path) -> ImageFile.ImageFile:
    if not path.is_file():
        raise ValueError(f"{path}: image is missing; expected an image file")
    try:
        image = Image.open(path)
        check_room(*image.size)
        return image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: cannot be read; expected an image, got: {error}") from error


def required(images: Path | None) -> Path:
    """The image folder.

    Raises:
        ValueError: None, or no folder.
    """
    if images is None:
        raise ValueError("images must be the folder of the images for this form, got none")
    if not Path(images).is_dir():
        raise ValueError(f"{images}: images must be a folder, found none")
    return Path(images)


def video_folder(images: Path, name: str) -> Path:
    """A video's images: the folder of its name, else the image folder itself."""
    return images / name if (images / name).is_dir() else images


def own_folder(images: Path, name: str) -> Path:
    """The folder of a video's name, for forms of one folder a video.

    The image folder itself where it holds the frames of a video file, which has no other video.
    """
    is_video = (images / FRAME_NAME.format(0)).is_file()
    return video_folder(images, name) if is_video else images / name


def frames_in(folder: Path) -> list[Path]:
    """The images of a folder, 2 before 10.

    Raises:
        ValueError: no such folder, or no image in it.
    """
    paths = image_files(folder) if folder.is_dir() else []
    if not paths:
        raise ValueError(f"{folder}: expected a folder with images, found none")
    return paths


def folders_in(folder: Path) -> list[Path]:
    """The folders of a folder, hidden ones left out, 2 before 10.

    Raises:
        ValueError: there is no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder, found none")
    return natural_order(p for p in listed(folder) if p.is_dir())


def frame_numbers(names: Sequence[str]) -> list[int]:
    """The numbers of frames: those their names end in, else their places from 0.

    Args:
        names: file names; suffixes are left out.
    """
    found = [re.search(r"(\d+)$", Path(name).stem) for name in names]
    numbers = [int(match[1]) for match in found if match]
    if len(numbers) == len(names) and len(set(numbers)) == len(names):
        return numbers
    return list(range(len(names)))


def by_stem(paths: Sequence[Path]) -> dict[str, Path]:
    """Files by name without suffix.

    Raises:
        ValueError: two have the same.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if path.stem in found:
            raise ValueError(
                f"{path}: expected one image of each name, found {found[path.stem].name} as well"
            )
        found[path.stem] = path
    return found


def images_of(labels: Sequence[Path], images: Sequence[Path]) -> list[Path]:
    """The image of each label file: that of the same name but for the suffix.

    Raises:
        ValueError: a label file has none, or there are several.
    """
    candidates = by_stem(images)
    folder = images[0].parent
    found = []
    for label in labels:
        image = candidates.get(label.stem) or written_frame(folder, label.name)
        if image is None:
            raise ValueError(f"{label}: expected an image of this name in {folder}, found none")
        found.append(image)
    return found


def checked_size(
    path: Path, image: NDArray[np.uint16], size: tuple[int, int] | None
) -> tuple[int, int]:
    """The size (height, width) of an index image.

    Raises:
        ValueError: it is not `size`, that of the frames before.
    """
    height, width = image.shape
    if size is not None and size != (height, width):
        raise ValueError(
            f"{path}: size (height, width) expected {size} as in the frames before, "
            f"got {(height, width)}"
        )
    return height, width


QUALITY = 95
FRAME_NAME = "{:06d}.jpg"  # of the frames of a video file, from 0
NUMBERED = re.compile(r"(?:frame_)?(\d{1,9})")  # how CVAT and others call them


def written_frame(folder: Path, name: str) -> Path | None:
    """The image of a frame that labels of a video file name, such as `frame_000012`.

    Args:
        folder: images as `write_frames` writes them, from `000000.jpg`.
        name: by the labels; its folder and suffix do not count.

    Returns:
        None where the folder is another, the name has no number, or there is no such frame.
    """
    number = NUMBERED.fullmatch(Path(name).stem)
    if number is None or not (folder / FRAME_NAME.format(0)).is_file():
        return None
    path = folder / FRAME_NAME.format(int(number[1]))
    return path if path.is_file() else None


def write_frames(video: Path, folder: Path) -> int:
    """Writes `000000.jpg`, `000001.jpg`, ... as the frames are shown; JPEG loses a little.

    Pixels stay as they are stored also where they are not square, since labels count them so.

    Returns:
        Number of frames.

    Raises:
        ValueError: no video file, or one that cannot be read to its end.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for frame in open_source(video, square_pixels=False):
        picture = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        (folder / FRAME_NAME.format(frame.index)).write_bytes(data.tobytes())
        count += 1
    return count
