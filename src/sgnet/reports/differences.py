"""What two runs do not have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf

from sgnet.files.checked_json import read_json
from sgnet.reports.runs import read_config

IGNORED = {"started", "command"}


class Difference(NamedTuple):
    """An entry that two runs do not have in common; None stands for one that is not there.

    Attributes:
        name: dotted.
        first: value in the first one.
        second: value in the second one.
    """

    name: str
    first: object
    second: object

    def __str__(self) -> str:
        """As in: lr: 0.1 there, 0.2 here."""
        return f"{self.name}: {self.first} there, {self.second} here"


def differences(first: Path, second: Path) -> list[Difference]:
    """Entries of config.yaml, manifest.json and summary.json that differ: name and both values.

    Args:
        first: run folder.
        second: run folder.

    Raises:
        ValueError: a folder without config.yaml or manifest.json.
    """
    return _unequal(dict(_entries(first)), dict(_entries(second)))


def config_differences(first: Any, second: Any) -> list[Difference]:  # noqa: ANN401
    """Settings of two configs that differ: name and both values, interpolations resolved.

    Args:
        first: OmegaConf's.
        second: OmegaConf's.
    """
    ours, theirs = (
        dict(_flat("", OmegaConf.to_container(config, resolve=True))) for config in (first, second)
    )
    return _unequal(ours, theirs)


def _unequal(ours: Mapping[str, object], theirs: Mapping[str, object]) -> list[Difference]:
    names = sorted(ours.keys() | theirs.keys())
    pairs = ((name, ours.get(name), theirs.get(name)) for name in names)
    return [Difference(*entry) for entry in pairs if entry[1] != entry[2]]


def as_markdown(found: list[Difference], first: Path, second: Path) -> str:
    """A table of them."""
    if not found:
        return f"`{first}` and `{second}` differ in nothing that is written down.\n"
    lines = [f"| | `{first}` | `{second}` |", "|---|---|---|"]
    lines += [f"| {name} | {one} | {other} |" for name, one, other in found]
    return "\n".join(lines) + "\n"


def _entries(folder: Path) -> Iterator[tuple[str, object]]:
    """Names and values; the run's own folder is a difference nobody asks for."""
    content = _content(folder)
    own = str((content["config"].get("paths") or {}).get("run_dir") or folder)
    for name, value in _flat("", content):
        yield name, value.replace(own, "RUN") if isinstance(value, str) else value


def _content(folder: Path) -> dict[str, Any]:
    for name in ("config.yaml", "manifest.json"):
        if not (folder / name).is_file():
            raise ValueError(f"{folder}: expected {name} of a run of train.py, found none")
    manifest: Any = read_json(folder / "manifest.json")
    summary = folder / "summary.json"
    return {
        "config": read_config(folder / "config.yaml"),
        "manifest": {k: v for k, v in manifest.items() if k not in IGNORED},
        "result": read_json(summary) if summary.is_file() else None,
    }


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, object]]:  # noqa: ANN401 - nested values
    if isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
        value = dict(enumerate(value))
    if isinstance(value, Mapping):
        for name, entry in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), entry)
    else:
        yield prefix, value
