"""The entries of a long JSON list one by one, in the memory of a few.

Importing it needs numba (`pip install sgnet[fast]`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sgnet.ops.compiling import compiled

BLOCK = 1 << 20  # bytes that are read at a time
_SPACE, _LINE_FEED, _RETURN, _TAB = 0x20, 0x0A, 0x0D, 0x09
_QUOTE, _BACKSLASH, _COMMA = ord('"'), ord("\\"), ord(",")
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_LIST, _CLOSE_LIST = map(ord, "{}[]")
# where a scan stands, outside of entries
_START, _FIRST, _BEHIND_ENTRY, _BEHIND_COMMA, _END, _WRONG = range(6)


class ListError(ValueError):
    """A file is no list of objects that can be read one by one.

    `sgnet.files.checked_json.read_json` says what is wrong with it, if anything is.
    """


class ListEntry(NamedTuple):
    """An object of a list.

    Attributes:
        start: of its first byte in the file.
        text: its JSON, whose brackets match; all else is still to be read.
    """

    start: int
    text: bytes


def list_entries(path: str | Path) -> Iterator[ListEntry]:
    """The objects of a JSON file whose top level is a list of objects.

    What stands between them is checked, what is in them is not: of that only strings and brackets
    are looked at.

    Raises:
        ListError: the file is no such list, or begins with a byte order mark.
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        yield from _entries(file, path)


def _entries(file: BinaryIO, path: str | Path) -> Iterator[ListEntry]:
    buffer, offset, size = file.read(BLOCK), 0, BLOCK
    done, state = 0, _START
    while True:
        bounds, done, state = entry_bounds(np.frombuffer(buffer, dtype=np.uint8), done, state)
        for start, stop in bounds.tolist():
            yield ListEntry(offset + start, buffer[start:stop])
        if state == _WRONG:
            raise ListError(f"{path}: expected a list of objects")
        size = BLOCK if len(bounds) else 2 * size  # an entry may be longer than a block
        more = file.read(size)
        if state == _END and not (buffer[done:] + more).strip(b" \n\r\t"):
            return
        if not more or state == _END:
            raise ListError(f"{path}: expected a list that ends with the file")
        offset += done
        buffer, done = buffer[done:] + more, 0


@compiled
def entry_bounds(
    buffer: NDArray[np.uint8], place: int, state: int
) -> tuple[NDArray[np.int64], int, int]:
    """Where the objects of a list begin and end.

    Args:
        buffer: a piece of JSON text.
        place: to begin at, outside of entries.
        state: what stands before it, as the call before gave it.

    Returns:
        [E, 2] first byte of each object that is there to its end, and the one behind its last; the
        place to go on from, with more behind the buffer; and what stands before it.
    """
    bounds = np.empty((max(1, len(buffer) // 2), 2), dtype=np.int64)
    found = 0
    while place < len(buffer) and state < _END:
        character = buffer[place]
        if character in (_SPACE, _LINE_FEED, _RETURN, _TAB):
            place += 1
        elif character == _COMMA and state == _BEHIND_ENTRY:
            state, place = _BEHIND_COMMA, place + 1
        elif character == _OPEN_LIST and state == _START:
            state, place = _FIRST, place + 1
        elif character == _CLOSE_LIST and state in (_FIRST, _BEHIND_ENTRY):
            state, place = _END, place + 1
        elif character == _OPEN_OBJECT and state in (_FIRST, _BEHIND_COMMA):
            stop = _object_end(buffer, place)
            if stop < 0:
                break
            bounds[found, 0], bounds[found, 1] = place, stop
            found += 1
            state, place = _BEHIND_ENTRY, stop
        else:
            state = _WRONG
    return bounds[:found].copy(), place, state


@compiled
def _object_end(buffer: NDArray[np.uint8], place: int) -> int:
    """Behind the bracket that closes the one at `place`; -1 where the buffer ends before."""
    depth = 0
    while place < len(buffer):
        character = buffer[place]
        place += 1
        if character == _QUOTE:
            while place < len(buffer):
                character = buffer[place]
                if character == _QUOTE:
                    break
                if character == _BACKSLASH:
                    place += 1
                place += 1
            place += 1
        elif character == _OPEN_OBJECT or character == _OPEN_LIST:  # noqa: SIM109 - twice as fast
            depth += 1
        elif character == _CLOSE_OBJECT or character == _CLOSE_LIST:  # noqa: SIM109
            depth -= 1
            if depth == 0:
                return place
    return -1
