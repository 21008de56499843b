"""Files of an earlier run that a new one of the same command does not write again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)
_Identity = tuple[int, int, int] | None


class EarlierFiles:
    """What an earlier run left where a new one writes; taken before anything is written.

    Args:
        paths: of the files that a run writes, or some of them. The first is what every run writes:
            where it is not there, no run was, and the others are somebody else's.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        ours = bool(paths) and paths[0].is_file()
        self._before = {path: _identity(path) for path in paths} if ours else {}

    def remove_unreplaced(self) -> None:
        """Removes those that have not been replaced, once one of them was.

        Raises:
            OSError: one cannot be removed.
        """
        same = [path for path, earlier in self._before.items() if _identity(path) == earlier]
        if len(same) < len(self._before):
            for path in same:
                if path.exists():
                    path.unlink()
                    log.info("%s of an earlier run is removed", path)


@contextmanager
def nothing_earlier(paths: Sequence[Path]) -> Iterator[None]:
    """Inside, a run writes its files; behind it nothing of an earlier run lies beside them.

    Also where the block ends with an error; where it has written nothing, all is left.

    Args:
        paths: see `EarlierFiles`.
    """
    earlier = EarlierFiles(paths)
    try:
        yield
    finally:
        earlier.remove_unreplaced()


def _identity(path: Path) -> _Identity:
    """Of the file at a path, which another one that is moved there does not have."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
