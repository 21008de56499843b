"""Which of a container's video streams is the film, and the shape of its pixels."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import Any

from sgnet.files.image_limits import ImageFileError, check_room
from sgnet.inference.sources.base import SourceError

log = logging.getLogger(__name__)
ROUNDING = Fraction(1, 100)  # 854 x 480 for 16:9 are not meant to be squeezed by a pixel
MOST_STRETCHED = 8  # no camera's pixels are longer


def film_of(container: Any, name: str, wanted: int | None = None) -> Any:  # noqa: ANN401 - PyAV's
    """The video stream that players show: never a cover, as a rule the default one, the largest.

    Several are said, with the one that is taken.

    Args:
        container: PyAV's, open.
        name: of the source, for messages.
        wanted: number of a stream as ffprobe counts them; None decides.

    Raises:
        SourceError: there is none, or none of this number.
    """
    streams = {stream.index: stream for stream in container.streams.video}
    films = [s for s in streams.values() if s.codec_context is not None and not _is_picture(s)]
    if wanted is not None:
        if type(wanted) is not int or wanted not in streams:
            raise SourceError(f"{name}: stream expected one of {_listed(streams)}, got {wanted!r}")
        taken = streams[wanted]
    elif not films:
        found = f"got only {_listed(streams)}" if streams else "got none"
        raise SourceError(f"{name}: expected a video stream, {found}")
    else:
        taken = max(films, key=_rank)
    if taken.codec_context is None:
        raise SourceError(f"{name}: stream {taken.index}: expected a video that FFmpeg decodes")
    try:
        check_room(*_square(taken.width, taken.height, pixel_width(taken, name)))
    except ImageFileError as error:
        raise SourceError(f"{name}: stream {taken.index} {error}") from error
    equals = {s.index: s for s in films if (s.frames == 1) == (taken.frames == 1)}
    if wanted is None and len(equals) > 1:
        log.warning(
            "%s: of several video streams, %s, %d is taken; `stream` takes another",
            name,
            _listed(equals),
            taken.index,
        )
    return taken


def pixel_width(stream: Any, name: str) -> Fraction:  # noqa: ANN401 - PyAV's stream
    """How wide a stored pixel is shown, for one of height 1."""
    ratio = stream.sample_aspect_ratio or Fraction(1)
    if not Fraction(1, MOST_STRETCHED) <= ratio <= MOST_STRETCHED:
        log.warning(
            "%s: pixels of %s are taken for square; expected a ratio of at most %d",
            name,
            ratio,
            MOST_STRETCHED,
        )
        return Fraction(1)
    return Fraction(1) if abs(ratio - 1) < ROUNDING else ratio


def square_width(width: int, ratio: Fraction) -> int:
    """Columns of square pixels that show `width` columns of pixels of another width."""
    return max(1, round(width * ratio))


def _square(width: int, height: int, ratio: Fraction) -> tuple[int, int]:
    return max(width, square_width(width, ratio)), height


def _is_picture(stream: Any) -> bool:  # noqa: ANN401 - PyAV's stream
    from av.stream import Disposition

    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _rank(stream: Any) -> tuple[bool, bool, int, int]:  # noqa: ANN401 - PyAV's stream
    """Higher is better; of equals the first."""
    from av.stream import Disposition

    return (
        stream.frames != 1,  # a preview that is not marked as one
        bool(stream.disposition & Disposition.default),
        stream.width * stream.height,
        -stream.index,
    )


def _listed(streams: dict[int, Any]) -> str:
    """Such as "0 (mjpeg 64 x 64, a picture), 1 (h264 160 x 96)"."""
    return ", ".join(f"{index} ({_described(stream)})" for index, stream in streams.items())


def _described(stream: Any) -> str:  # noqa: ANN401 - PyAV's stream
    if stream.codec_context is None:
        return "cannot be decoded"
    text = f"{stream.codec_context.name} {stream.width} x {stream.height}"
    return f"{text}, a picture" if _is_picture(stream) else text
