"""Tries tracker settings on detections that are kept: the network runs once, a trial takes seconds.

python scripts/associate.py checkpoint=runs/demo/checkpoints/last.ckpt tracker.max_age=5
python scripts/associate.py -m hydra/sweeper=tracker checkpoint=runs/demo/checkpoints/last.ckpt

The same as `sgnet tune-tracker`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("associate", conf=Path(__file__).parents[1] / "conf")
