"""What a run was made of, so that its figures can be read and repeated later."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from sgnet import __version__
from sgnet.files.atomic_file import write_json
from sgnet.files.checked_json import read_json
from sgnet.files.kept_aside import keep_aside
from sgnet.training.resuming import Resumption

log = logging.getLogger(__name__)
PACKAGES = (
    "torch",
    "torchvision",
    "pytorch-lightning",
    "hydra-core",
    "omegaconf",
    "numpy",
    "albumentations",
    "opencv-python-headless",
    "pycocotools",
    "timm",
)


def write_manifest(
    folder: Path,
    seed: int,
    splits: Mapping[str, SplitFiles],
    source: Path,
    resumed: Resumption | None = None,
) -> dict[str, Any]:
    """Writes `manifest.json` and, where files differ from their commit, `uncommitted.patch`.

    Those of an earlier part of the run stay beside them as `.before-000`, ...

    Args:
        folder: of the run; its config.yaml is written by training.
        seed: of the run.
        splits: that are trained and scored on, by name.
        source: folder whose git state is told.
        resumed: what this part of the run goes on from.

    Returns:
        What the manifest holds.
    """
    state, patch = git_state(source)
    manifest: dict[str, Any] = {
        "sgnet": __version__,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "seed": seed,
        "git": state,
        "packages": package_versions(),
        "hardware": hardware(),
        "data": {name: fingerprint(split) for name, split in splits.items()},
    }
    if resumed is not None:
        changed = {name: [before, now] for name, before, now in resumed.changed}
        manifest["resumed"] = {"step": resumed.step, "changed": changed}
    target = folder / "uncommitted.patch"
    _tell_other_data(folder / "manifest.json", manifest["data"])
    for path in (folder / "manifest.json", target):  # of the parts of a resumed run
        keep_aside(path)
    write_json(manifest, folder / "manifest.json")
    if patch:
        target.write_bytes(patch)
    return manifest


def _tell_other_data(earlier: Path, data: Mapping[str, Any]) -> None:
    """Says where the part before read other annotations or frames."""
    try:
        content: Any = read_json(earlier)
        before = content["data"]
        parts = [
            f"{name} ({part})"
            for name, split in data.items()
            for part in ("sha256", "frames")
            if name in before and before[name][part] != split[part]
        ]
    except (KeyError, TypeError, ValueError):  # none there, or not ours
        return
    if parts:
        log.warning("resume: the data are not those of the part before: %s", ", ".join(parts))


def git_state(folder: Path) -> tuple[dict[str, Any] | None, bytes]:
    """Commit, and a hash of what differs from it, and the difference; None outside of git.

    Files that git does not know are named, not hashed.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None, b""
    patch = _git(folder, "diff", "--binary", "HEAD") or b""
    unknown = _git(folder, "ls-files", "--others", "--exclude-standard") or b""
    return {
        "commit": commit.decode().strip(),
        "diff_sha256": hashlib.sha256(patch).hexdigest() if patch else None,
        "unknown_files": unknown.decode(errors="replace").splitlines(),
    }, patch


def package_versions() -> dict[str, str]:
    """Installed versions of what training runs on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Machine, cores, threads and GPUs."""
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    return {
        "system": platform.platform(),
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(number) for number in gpus],
        "visible_gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "cuda": torch.version.cuda if gpus else None,
    }


def processor_name() -> str:
    """The processor's own name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


@dataclass(frozen=True)
class SplitFiles:
    """What a split is read from.

    Attributes:
        annotations: file.
        images: folder.
        frames: names of the files below it.
    """

    annotations: Path
    images: Path
    frames: Sequence[str]


def fingerprint(split: SplitFiles) -> dict[str, Any]:
    """Name, size and hash of the annotation file; number, size and hash of the frames.

    Frames are known by their names and sizes; to read them all would take too long.
    """
    sizes = {name: (split.images / name).stat().st_size for name in split.frames}
    listing = hashlib.sha256()
    for name in sorted(sizes):
        listing.update(f"{name}\0{sizes[name]}\n".encode())
    return {
        **_hashed(split.annotations),
        "frames": {
            "files": len(sizes),
            "bytes": sum(sizes.values()),
            "names_and_sizes_sha256": listing.hexdigest(),
        },
    }


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hashed(path: Path) -> dict[str, Any]:
    return {"file": str(path), "bytes": path.stat().st_size, "sha256": file_hash(path)}


def _git(folder: Path, *arguments: str) -> bytes | None:
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run([git, "-C", str(folder), *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
