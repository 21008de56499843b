"""Names under which what stands in the way is kept."""

from __future__ import annotations

import re
from pathlib import Path


def aside(path: Path) -> Path:
    """The next free name beside a file or folder: `metrics.csv` to `metrics.before-000.csv`, ...

    Numbers go up from the highest that is there, so that they tell the order also where some of
    them were removed.

    Args:
        path: of what shall be kept; it need not exist.
    """
    form = re.compile(rf"{re.escape(path.stem)}\.before-(\d+){re.escape(path.suffix)}")
    there = path.parent.iterdir() if path.parent.is_dir() else ()
    taken = [int(match[1]) for other in there if (match := form.fullmatch(other.name))]
    return path.with_name(f"{path.stem}.before-{max(taken, default=-1) + 1:03d}{path.suffix}")


def keep_aside(path: Path) -> Path | None:
    """Moves a file or folder to its name of `aside`.

    Args:
        path: of what shall be kept.

    Returns:
        Where it is now; None where there was none.
    """
    if not path.exists():
        return None
    return path.rename(aside(path))


def kept(path: Path) -> list[Path]:
    """What was kept of a file, the oldest first.

    Args:
        path: of the file itself, which is not among them.
    """
    return sorted(path.parent.glob(f"{path.stem}.before-*{path.suffix}"))
