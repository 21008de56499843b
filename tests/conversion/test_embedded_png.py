"""Pictures in label files, among them such as unpack to more than they should."""

from __future__ import annotations

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sgnet.conversion.embedded_png import embedded_png
from sgnet.files.checked_json import JsonEntry


def png(width, height):
    buffer = io.BytesIO()
    Image.new("L", (width, height), 1).save(buffer, format="PNG")
    return buffer.getvalue()


def giant():
    """A PNG of 60000 x 60000 pixels by its header."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    return png(1, 1)[:8] + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def read(data, compressed):
    packed = zlib.compress(data) if compressed else data
    entry = JsonEntry("x.json", "shapes[0]", {"mask": base64.b64encode(packed).decode()})
    return embedded_png(entry, "mask", (8, 6), compressed)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (8, 6)])
def test_a_picture_of_at_most_the_frame_is_read(size, compressed):
    image = read(png(*size), compressed)
    assert image.size == size
    assert np.asarray(image).all()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "must be a"),
        (png(9, 6), "at most 8 x 6 pixels, got 9 x 6"),
        (giant(), "at most 8 x 6 pixels, got 60000 x 60000"),
        (png(8, 6)[:40], "must be a"),
        (b"GIF89a" + bytes(40), "must be a"),
    ],
)
def test_others_are_refused_with_file_and_entry(data, words, compressed):
    with pytest.raises(ValueError, match=rf"^x\.json: shapes\[0\]: mask .*{words}"):
        read(data, compressed)


def test_what_unpacks_to_more_is_refused_before_it_is_unpacked():
    with pytest.raises(ValueError, match="mask must unpack to at most .* bytes, got more"):
        read(png(8, 6) + bytes(1 << 24), compressed=True)
