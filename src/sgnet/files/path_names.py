"""Names that become part of a path: a split, a video, a file of an archive."""

from __future__ import annotations

import re
from pathlib import PureWindowsPath

LONGEST = 200  # bytes; file systems take 255, and suffixes come behind
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.I)


def checked_name(name: object, what: str, example: str = "train") -> str:
    """A name that stays one file or folder inside its folder, on every system.

    Args:
        name: as a user or a file gives it.
        what: it names, for the message.
        example: of such a name, for the message.

    Raises:
        ValueError: it is empty, leads elsewhere (`..`, separators, a drive), is hidden, cannot be
            printed, ends in a dot or a space, is too long, or is a device of Windows.
    """
    if not isinstance(name, str) or not name:
        raise _refused(what, name, "no text", example)
    problem = _problem(name)
    if problem is not None:
        raise _refused(what, name, problem, example)
    return name


def _refused(what: str, name: object, problem: str, example: str) -> ValueError:
    shown = repr(name) if len(str(name)) <= 80 else repr(f"{str(name)[:77]}...")
    return ValueError(f"{what} must be a name such as {example}, got {shown} ({problem})")


def _problem(name: str) -> str | None:
    """What is wrong with a name, in a few words."""
    if not name.isprintable():
        return "with characters that cannot be printed"
    if "/" in name or "\\" in name:
        return "with a separator of folders"
    if PureWindowsPath(name).drive:
        return "with a drive"
    if name[0] in ". ":
        return "with a dot or a space in front"
    if name[-1] in ". ":
        return "with a dot or a space at its end"
    if RESERVED.fullmatch(name):
        return "a device of Windows"
    if len(name.encode("utf-8")) > LONGEST:
        return f"longer than {LONGEST} bytes"
    return None
