"""Scores a results file against annotations with the YouTube-VIS metric.

python scripts/score.py annotations=FILE results=FILE output=FILE

The same as `sgnet score`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("score", conf=Path(__file__).parents[1] / "conf")
