"""Writes videos of many objects, composed of annotated videos of few.

python scripts/compose.py annotations=train.json images=train/JPEGImages output=new count=100

The same as `sgnet compose`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("compose", conf=Path(__file__).parents[1] / "conf")
