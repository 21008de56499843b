"""Many byte strings in two arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PackedBytes:
    """Byte strings end to end in one buffer.

    Forked data workers write a reference count into every Python object they touch and so copy its
    memory page; two arrays stay shared, however many strings they hold.

    Attributes:
        buffer: [bytes] all strings, one after the other.
        offsets: [strings + 1] where each begins; the last is the buffer's length.
    """

    buffer: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @classmethod
    def pack(cls, strings: Iterable[bytes]) -> PackedBytes:
        """Packs strings, of which there may be none."""
        buffer = bytearray()
        offsets = [0]
        for string in strings:
            buffer += string
            offsets.append(len(buffer))
        return cls(np.frombuffer(buffer, dtype=np.uint8), np.array(offsets, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> bytes:
        return self.buffer[self.offsets[index] : self.offsets[index + 1]].tobytes()
