"""Which files a command may write: never an input, and nothing that somebody else put there.

The rule of all commands: data (annotations, images, lists of fixes) are new files; what is there is
never replaced. A report may replace an earlier report of the same command, known by its content.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from sgnet.files.checked_json import read_json

IsOurs = Callable[[Path], bool]


def check_outputs(
    outputs: Iterable[str | Path],
    inputs: Iterable[str | Path | None],
    is_ours: IsOurs | None = None,
) -> None:
    """Looks at all places that will be written, before any work.

    Args:
        outputs: files and folders to write.
        inputs: files and folders that are read; None counts for none.
        is_ours: whether a file that is there is an earlier output, which may be replaced; None
            replaces nothing.

    Raises:
        ValueError: an output is an input by whatever name, or is there and not ours.
    """
    paths = [Path(path) for path in outputs]
    keep_inputs(paths, inputs)
    for path in paths:
        if not is_there(path) or (is_ours is not None and path.is_file() and is_ours(path)):
            continue
        expected = "no such folder yet" if path.is_dir() else "a new file"
        raise ValueError(
            f"{path}: expected {expected}, got one that is there already and is not replaced; "
            "choose another output or remove it"
        )


def keep_inputs(outputs: Iterable[str | Path], inputs: Iterable[str | Path | None]) -> None:
    """Compares each output with each input, links of both kinds included.

    Raises:
        ValueError: an output is an input.
    """
    given = [Path(path) for path in inputs if path is not None]
    for path in map(Path, outputs):
        for other in given:
            if is_same(path, other):
                raise ValueError(
                    f"{path}: output must not be one of the inputs ({other}); expected another "
                    "folder or name"
                )


def is_same(path: Path, other: Path) -> bool:
    """Whether two paths lead to one file or folder, by links or another spelling as well."""
    if path.resolve() == other.resolve():
        return True
    try:
        return path.samefile(other)  # hard links, systems that ignore case
    except OSError:  # one of them is not there
        return False


def has_fields(path: Path, names: Collection[str]) -> bool:
    """Whether a file is a JSON object of exactly these fields, as an earlier report is."""
    try:
        content = read_json(path)
    except ValueError:
        return False
    return isinstance(content, dict) and set(content) == set(names)


def is_there(path: Path) -> bool:
    """Whether anything stands at a path, a link to nowhere included."""
    return path.is_symlink() or path.exists()
