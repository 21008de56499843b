"""A checkpoint to results.json, its zip for a submission and, where annotations exist, the score.

python scripts/evaluate.py checkpoint=runs/demo/checkpoints/best.ckpt data=shapes_small

The same as `sgnet evaluate`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("evaluate", conf=Path(__file__).parents[1] / "conf")
