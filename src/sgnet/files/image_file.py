"""Images out of files: their size before they are unpacked, upright, one a file or all of them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sgnet.files.image_limits import ImageFileError, check_room, too_large
from sgnet.files.jpeg_end import is_cut_jpeg
from sgnet.ops.orientation import oriented, tagged_orientation

WIDTH, HEIGHT, ORIENTATION, KIND = 256, 257, 274, 254  # TIFF's tags, which EXIF shares
NOT_SHOWN = 1 | 4  # kinds of TIFF pages: a smaller copy, a mask
SEQUENCES = ("AVIF", "GIF", "PNG", "TIFF", "WEBP")  # no MPO: a photo with its previews behind it
PNG_START = b"\x89PNG\r\n\x1a\n"
Image.init()
FORMATS = [
    name
    for name in (*SEQUENCES, "BMP", "DIB", "JPEG", "JPEG2000", "PPM", "SUN")  # OpenCV's as well
    if name in Image.OPEN
]
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError)  # Pillow's


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says of itself before its pixels.

    Attributes:
        format: as Pillow calls it.
        size: (height, width) as the image is shown, upright.
        orientation: EXIF's number, 1 to 8.
        pages: places in the file of the images that are shown: pages, or those of an animation.
    """

    format: str
    size: tuple[int, int]
    orientation: int
    pages: tuple[int, ...]


def read_header(content: bytes) -> ImageHeader:
    """The header of an image file's content; no pixels are unpacked.

    Raises:
        ImageFileError: no image, or one that is larger than any that is read.
    """
    with _opened(content) as image:
        orientation = _orientation(image, content)
        height, width = _stored_size(image)
        turned = tagged_orientation(orientation)[0] == 0
        size = (width, height) if turned else (height, width)
        try:
            return ImageHeader(str(image.format), size, orientation, _pages(image))
        except BROKEN as error:
            raise _undecodable(error) from error


def check_single(header: ImageHeader) -> None:
    """Refuses files of several images where a file is a frame.

    Raises:
        ImageFileError: there are several.
    """
    if len(header.pages) > 1:
        raise ImageFileError(
            f"holds {len(header.pages)} images; expected one a frame: write them into files of "
            "their own, or predict with this file alone as the source"
        )


def decode_image(content: bytes, expected_size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """The only image of a file's content as [H, W, 3] RGB uint8, upright by its orientation tag.

    Args:
        content: of a whole file.
        expected_size: (height, width) upright; another is refused before anything is unpacked.

    Raises:
        ImageFileError: no image, a JPEG without its end, another size, a size beyond the bounds, or
            several images.
    """
    if is_cut_jpeg(content):
        raise ImageFileError("is cut off; expected a whole JPEG image, got one without its end")
    header = read_header(content)
    _check_size(header.size, expected_size)
    check_single(header)
    image = _unpacked(content, header.pages[0])
    _check_size((image.shape[0], image.shape[1]), expected_size)
    return image


def decode_pages(content: bytes) -> Iterator[tuple[NDArray[np.uint8], float | None]]:
    """All images of a file's content in order, unpacked one at a time.

    Yields:
        [H, W, 3] RGB uint8, upright; and the seconds that it is shown, None where the file does
        not say.

    Raises:
        ImageFileError: as `decode_image`, behind the images before the broken one.
    """
    header = read_header(content)
    if header.format == "TIFF":  # of 16 bits too, which Pillow would cut off
        for page in header.pages:
            yield _unpacked(content, page), None
        return
    with _opened(content) as image:
        for page in header.pages:
            try:
                image.seek(page)
                pixels = np.asarray(image.convert("RGB"), dtype=np.uint8)
            except BROKEN as error:
                raise _undecodable(error) from error
            duration = image.info.get("duration")
            seconds = float(duration) / 1000 if duration is not None else None
            yield oriented(pixels, tagged_orientation(header.orientation)), seconds


def _opened(content: bytes) -> Any:  # noqa: ANN401 - Pillow's image of the format
    """The image, lazily: its header is read.

    Raises:
        ImageFileError: it is none of the formats, or too large.
    """
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\d+ pixels", str(error))
        raise too_large(pixels[0] if pixels else str(error)) from error
    except BROKEN as error:
        raise ImageFileError(
            "cannot be decoded; expected an image file such as JPEG or PNG"
        ) from error


def _unpacked(content: bytes, page: int = 0) -> NDArray[np.uint8]:
    """One image; OpenCV turns it upright where it reads from memory, TIFF included."""
    data = np.frombuffer(content, dtype=np.uint8)
    try:
        if page == 0:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
        else:
            found = cv2.imdecodemulti(data, cv2.IMREAD_COLOR_RGB, None, (page, page + 1))[1]
            image = found[0] if len(found) == 1 else None
    except cv2.error as error:
        raise _undecodable(error) from error
    if image is None:
        raise ImageFileError("cannot be decoded; expected a whole image file")
    return np.asarray(image, dtype=np.uint8)


def _stored_size(image: Any) -> tuple[int, int]:  # noqa: ANN401 - Pillow's image
    """(height, width) before the orientation tag."""
    width, height = image.size
    if image.format == "TIFF":  # some versions of Pillow exchange them here already
        width, height = int(image.tag_v2[WIDTH]), int(image.tag_v2[HEIGHT])
    check_room(width, height)
    return height, width


def _orientation(image: Any, content: bytes) -> int:  # noqa: ANN401 - Pillow's image
    """EXIF's number, 1 where there is none; Pillow's own search would unpack a PNG."""
    if image.format == "TIFF":
        found = image.tag_v2.get(ORIENTATION)
    else:
        exif = Image.Exif()
        try:
            exif.load(image.info.get("exif") or _png_exif(content))
            found = exif.get(ORIENTATION)
        except BROKEN:  # not the image's own format: without it there is a picture still
            found = None
    return found if found in range(1, 9) else 1


def _png_exif(content: bytes) -> bytes:
    """EXIF of a PNG wherever it lies, also behind the pixels."""
    position = len(PNG_START)
    while content.startswith(PNG_START) and position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        if content[position + 4 : position + 8] == b"eXIf":
            return content[position + 8 : position + 8 + length]
        position += 12 + length
    return b""


def _pages(image: Any) -> tuple[int, ...]:  # noqa: ANN401 - Pillow's image
    """Places of the images that are shown; leaves the image at its first."""
    count = getattr(image, "n_frames", 1) if image.format in SEQUENCES else 1
    pages = tuple(range(count))
    if count > 1 and image.format == "TIFF":
        pages = tuple(page for page in pages if _is_shown(image, page)) or (0,)
        image.seek(0)
    if count > 1 and image.info.get("default_image"):  # of a PNG, for who knows no animations
        pages = pages[1:]
    return pages


def _is_shown(image: Any, page: int) -> bool:  # noqa: ANN401 - Pillow's image
    image.seek(page)
    _stored_size(image)
    return not int(image.tag_v2.get(KIND, 0)) & NOT_SHOWN


def _check_size(size: tuple[int, ...], expected: tuple[int, int] | None) -> None:
    if expected is not None and size != expected:
        raise ImageFileError(f"size (height, width) expected {expected}, got {size}")


def _undecodable(error: Exception) -> ImageFileError:
    if isinstance(error, ImageFileError):
        return error
    return ImageFileError(f"cannot be decoded; expected a whole image file, got: {error}")
