"""Whether a video was there to its end, by what its file declares itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

EBML = b"\x1a\x45\xdf\xa3"  # Matroska and WebM start with it
SEGMENT = b"\x18\x53\x80\x67"  # their element around everything but the header
HEADER_BYTES = 4096
SLACK = 1.0  # seconds that a declared duration may be wrong by


class Span:
    """Seconds that the frames so far cover.

    Attributes:
        end: of the last frame.
        longest: time between two frames.
    """

    def __init__(self) -> None:
        self.end = 0.0
        self.longest = 0.0
        self._last: float | None = None

    def add(self, frame: Any) -> None:  # noqa: ANN401 - av.VideoFrame
        """Takes the next frame; one without a time counts for nothing."""
        if frame.time is None:
            return
        if self._last is not None:
            self.longest = max(self.longest, frame.time - self._last)
        self._last = frame.time
        self.end = max(self.end, frame.time + float((frame.duration or 0) * frame.time_base))


def missing_part(
    path: Path | None,
    stream: Any,  # noqa: ANN401 - av.VideoStream
    span: Span,
) -> str | None:
    """What is missing at the end, such as "514 bytes"; None where nothing is known to be.

    The index of mp4, mov, avi and flv and the size that Matroska and WebM give tell it to the byte.
    Of an address, and of Matroska without a size, the declared duration of the video's own stream
    is compared, whatever sound and subtitles do. FFmpeg only guesses the duration of other formats.

    Args:
        path: None for an address.
        stream: after all its frames were read.
        span: of these frames.
    """
    end = None if path is None else _declared_bytes(path, stream)
    if path is not None and end is not None:
        missing = end - path.stat().st_size
        return f"{missing} bytes" if missing > 0 else None
    return missing_seconds(stream, span)


def missing_seconds(stream: Any, span: Span) -> str | None:  # noqa: ANN401 - av.VideoStream
    """How much of a stream's declared duration did not come, such as "1.2 seconds"; None: nothing.

    Args:
        stream: after all its frames were read.
        span: of these frames.
    """
    seconds = _declared_seconds(stream.metadata.get("DURATION", ""))
    if seconds is not None and seconds - span.end > SLACK + span.longest:
        return f"{seconds - span.end:.1f} seconds"
    return None


def _declared_bytes(path: Path, stream: Any) -> int | None:  # noqa: ANN401 - av.VideoStream
    """Bytes of the whole file, or at least up to the last frame that its index names."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if header.startswith(EBML):
        return matroska_end(header)
    entries = stream.index_entries
    ends = (int(entries[i].pos + entries[i].size) for i in range(len(entries)))
    return max(ends, default=None)


def matroska_end(header: bytes) -> int | None:
    """Where a Matroska or WebM file ends; None for other files and where it does not say.

    Args:
        header: the first bytes of the file.
    """
    start = header.find(SEGMENT) + len(SEGMENT)
    if not header.startswith(EBML) or start < len(SEGMENT) or start >= len(header):
        return None
    length = 9 - header[start].bit_length()  # of the size itself: its leading zeros say so
    if length > 8:
        return None
    size = int.from_bytes(header[start : start + length], "big") & ((1 << 7 * length) - 1)
    unknown = size == (1 << 7 * length) - 1
    return None if unknown else start + length + size


def _declared_seconds(text: str) -> float | None:
    """Matroska's tag of a stream, such as 00:00:04.000000000."""
    found = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", text)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None
