from __future__ import annotations

import pytest

from sgnet.inference.sources.whole_file import matroska_end

HEADER = b"\x1a\x45\xdf\xa3" + b"\x82\x42\x86"
SEGMENT = b"\x18\x53\x80\x67"


@pytest.mark.parametrize(
    ("header", "end"),
    [
        (b"", None),
        (b"RIFF" + SEGMENT + b"\x85", None),
        (HEADER, None),
        (HEADER + SEGMENT, None),
        (HEADER + SEGMENT + b"\x85", 11 + 1 + 5),  # one byte of size, which is 5
        (HEADER + SEGMENT + b"\x40\x05", 11 + 2 + 5),
        (HEADER + SEGMENT + b"\x01" + bytes(5) + b"\x12\x34", 11 + 8 + 0x1234),
        (HEADER + SEGMENT + b"\x01" + b"\xff" * 7, None),  # unknown, as of a live recording
        (HEADER + SEGMENT + b"\xff", None),
        (HEADER + SEGMENT + b"\x00", None),
    ],
)
def test_a_matroska_file_says_where_it_ends(header, end):
    assert matroska_end(header) == end
