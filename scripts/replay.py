"""Runs a dumped training step again and names where its values stop to be finite.

python scripts/replay.py dump=runs/demo/non_finite/step-120-rank-0.pt

The same as `sgnet replay`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("replay", conf=Path(__file__).parents[1] / "conf")
