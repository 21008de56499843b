"""Room on a disk that is kept for a file which is written at the end."""

from __future__ import annotations

import io
from contextlib import ExitStack
from pathlib import Path

from sgnet.files.atomic_file import atomic_path

CHUNK = 2**20


class ReservedRoom:
    """Holds as many bytes beside a file as it is going to need, in a temporary file of zeros.

    So a full disk, a quota and a limit on a file's size show before the file has to be written.

    Args:
        path: of the file that the room is for.

    Attributes:
        size: bytes that are held.
    """

    def __init__(self, path: Path) -> None:
        self.size = 0
        self._path = path
        self._files = ExitStack()
        self._file: io.FileIO | None = None

    def keep(self, size: int) -> None:
        """Holds at least so many bytes.

        Raises:
            OSError: there is no room for them; what was held before is still.
        """
        if self._file is None:
            temporary = self._files.enter_context(atomic_path(self._path))
            self._file = self._files.enter_context(temporary.open("wb", buffering=0))
        while self.size < size:
            self.size += self._file.write(bytes(min(CHUNK, size - self.size)))

    def release(self) -> None:
        """Gives the room to whoever comes first."""
        reason = OSError("released")  # with an error the temporary file is removed
        self._files.__exit__(type(reason), reason, None)
        self.size = 0
