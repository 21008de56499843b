"""What a folder of data holds, without what systems put beside it."""

from __future__ import annotations

from pathlib import Path, PurePath

# macOS leaves `._name` beside each file and __MACOSX in archives, Synology thumbnails in @eaDir
SYSTEM_NAMES = ("__MACOSX", "@eaDir")


def listed(folder: Path, pattern: str = "*") -> list[Path]:
    """What matches in a folder, in no order, hidden files and all in hidden folders left out.

    Args:
        folder: may itself be hidden, since somebody named it.
        pattern: as of `Path.glob`; `**/*` goes to any depth.

    Raises:
        OSError: the folder cannot be listed.
    """
    found = folder.iterdir() if pattern == "*" else folder.glob(pattern)
    return [path for path in found if not is_hidden(path.relative_to(folder))]


def is_hidden(path: PurePath) -> bool:
    """Whether a name in a path begins with a dot or is one that a system keeps for itself."""
    return any(part[0] == "." or part in SYSTEM_NAMES for part in path.parts)
