"""What a checkpoint does to single objects, and what each of its parts costs in AP.

python scripts/diagnose.py checkpoint=runs/demo/checkpoints/last.ckpt data=shapes_small

The same as `sgnet diagnose`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("diagnose", conf=Path(__file__).parents[1] / "conf")
