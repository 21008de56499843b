"""Files that are either complete or not there."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Gives a temporary path beside `path` that takes its place when the block ends well.

    An exception inside the block removes the temporary file and leaves what stood at `path`.
    Missing parent folders are made.

    Raises:
        OSError: it cannot be written, as on a full disk; the error names `path`, also where the
            system names nothing.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(target)
    try:
        yield temporary
        temporary.replace(target)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary), temporary):
            raise  # it speaks of something else
        raise OSError(error.errno, error.strerror, str(target)) from error
    finally:
        temporary.unlink(missing_ok=True)


def require_writable(folder: str | Path) -> None:
    """Makes a folder and tries it, so that results computed for hours have a place to go.

    Raises:
        OSError: it cannot be made or written.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    with atomic_path(path / ".writable") as temporary:
        temporary.touch()
    (path / ".writable").unlink()


def require_writable_file(path: str | Path) -> None:
    """Tries a file that is to be written, with its folder, and leaves what stands there.

    Raises:
        ValueError: a file stands in the place of its folder.
        OSError: it cannot be written, or a folder stands there.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "expected a file to write, got a folder", str(target))
    require_makeable(target.parent)
    target.parent.mkdir(parents=True, exist_ok=True)
    _try(target)


def require_makeable(folder: str | Path) -> None:
    """Tries whether a folder can be made or written, and makes nothing.

    Raises:
        ValueError: a file stands in its way.
        OSError: it cannot be made or written.
    """
    target = Path(folder)
    there = next(path for path in (target, *target.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        raise ValueError(f"{target}: expected a folder to write, got a file at {there}")
    if there != target:
        _try(there / target.name)  # names of any length or sign
    _try(there / ".writable")


def _try(path: Path) -> None:
    """Writes beside a file what would take its place, and removes it."""
    temporary = _temporary(path)
    try:
        temporary.touch()
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")


def write_json(value: object, path: str | Path) -> None:
    """Writes a JSON file atomically.

    Raises:
        ValueError: the value holds NaN or infinity, which JSON cannot.
    """
    text = json.dumps(value, indent=1, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Gives a temporary folder beside `path` that becomes `path` when the block ends well.

    An exception inside the block removes it.

    Raises:
        ValueError: something stands at `path` that is no empty folder.
    """
    target = Path(path)
    if target.is_symlink() or (
        target.exists() and not (target.is_dir() and not any(target.iterdir()))
    ):
        raise ValueError(f"{target}: expected a folder that is new or empty, got one in use")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(target)
    temporary.mkdir()
    try:
        yield temporary
        if target.exists():
            target.rmdir()
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
