"""Whether a JPEG image is there to its end; OpenCV fills what is missing with grey."""

from __future__ import annotations

import re

START, END = b"\xff\xd8", b"\xff\xd9"
SCAN = 0xDA  # compressed pixels follow, where 0xFF 0xD9 can only be the end
SEGMENT = re.compile(rb"\xff+([^\x00\x01\xd0-\xd9\xff])")


def is_cut_jpeg(data: bytes) -> bool:
    """True for the beginning of a JPEG image without its end.

    Segments before the pixels are passed over as a whole, so that the end of a preview inside one
    does not count. Bytes behind the end are fine, and so is everything that is no JPEG.

    Args:
        data: a whole file.
    """
    if not data.startswith(START):
        return False
    position = len(START)
    while (segment := SEGMENT.search(data, position)) is not None:
        position = segment.end() + int.from_bytes(data[segment.end() : segment.end() + 2], "big")
        if segment[1][0] == SCAN:
            return data.find(END, position) < 0
    return True
