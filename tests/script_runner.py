"""Runs a script as a user does; each takes seconds, so tests run few."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run_script(
    name: str, folder: Path, **arguments: Path | str
) -> subprocess.CompletedProcess[str]:
    """Runs `scripts/<name>` in a folder with key=value arguments."""
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / name, *(f"{k}={v}" for k, v in arguments.items())],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
