"""Masks that label files hold as PNG pictures in base64."""

from __future__ import annotations

import base64
import binascii
import io
import zlib

from PIL import Image

from sgnet.files.checked_json import JsonEntry

PNG_START, HEADER_BYTES = b"\x89PNG\r\n\x1a\n", 24  # up to the size in the first chunk
SPARE = 1 << 16  # bytes of a PNG beyond its pixels


def embedded_png(
    entry: JsonEntry, name: str, most: tuple[int, int], compressed: bool = False
) -> Image.Image:
    """A PNG of a field, decoded once its header is known to say no more than is expected.

    Args:
        entry: of the file.
        name: of the field.
        most: largest (width, height), that of the frame.
        compressed: the PNG is compressed once more with zlib.

    Raises:
        ValueError: no base64, no PNG, one that is larger, or that unpacks to more than that.
    """
    wanted = "a compressed PNG in base64" if compressed else "a PNG in base64"
    try:
        data = base64.b64decode(entry.text(name), validate=True)
        if compressed:
            data = _unpacked(entry, name, data, 8 * most[0] * most[1] + SPARE)
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        if not data.startswith(PNG_START) or len(data) < HEADER_BYTES:
            raise entry.error(f"{name} must be {wanted}, got other bytes")
        if width > most[0] or height > most[1]:
            raise entry.error(
                f"{name} must be a PNG of at most {most[0]} x {most[1]} pixels, got "
                f"{width} x {height}"
            )
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            image.load()
            return image.copy()
    except (binascii.Error, zlib.error, OSError, SyntaxError, EOFError) as error:
        raise entry.error(f"{name} must be {wanted}, got: {error}") from error
    except ValueError as error:
        if str(error).startswith(entry.file):
            raise
        raise entry.error(f"{name} must be {wanted}, got: {error}") from error


def _unpacked(entry: JsonEntry, name: str, data: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(data, most)
    if unpacker.unconsumed_tail:
        raise entry.error(f"{name} must unpack to at most {most} bytes, got more")
    return unpacked
