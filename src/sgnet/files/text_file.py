"""Text files from other people: UTF-8, with a byte order mark or without."""

from __future__ import annotations

import codecs
from pathlib import Path

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: str | Path, what: str = "text") -> str:
    """Reads a UTF-8 text file; a byte order mark is left out.

    Args:
        path: of the file.
        what: is expected, for messages.

    Raises:
        ValueError: the file is missing, unreadable, or no UTF-8; the message starts with the path.
    """
    return decoded_text(read_bytes(path), path, what)


def read_bytes(path: str | Path) -> bytes:
    """Reads a file.

    Raises:
        ValueError: it is missing or unreadable; the message starts with the path.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"{path}: there is no such file") from error
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error


def decoded_text(data: bytes, path: str | Path, what: str = "text") -> str:
    """A file's bytes as text; a byte order mark is left out.

    Raises:
        ValueError: no UTF-8, or zeros inside.
    """
    if data.startswith(UTF_16) or (0 in data[:2] and any(data[:2])):
        raise ValueError(
            f"{path}: expected {what} in UTF-8, got UTF-16 as Windows' Notepad and PowerShell may "
            "write it; save it as UTF-8"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8 text, got {error.reason}") from error
    if "\0" in text:
        raise ValueError(f"{path}: expected {what}, got zero bytes inside")
    return text
