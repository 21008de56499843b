"""Runs a script as a user does; each takes seconds, so tests run few."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run_script(
    name: str, folder: Path, *arguments: str, **named: Path | str
) -> subprocess.CompletedProcess[str]:
    """Runs `scripts/<name>` in a folder with arguments, those by name as key=value."""
    given = [*arguments, *(f"{key}={value}" for key, value in named.items())]
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / name, *given],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
