"""A checkpoint and a video to an overlay video, a results file and a table of tracks.

python scripts/predict.py checkpoint=runs/demo/checkpoints/last.ckpt source=a.mp4 output=runs/a

The same as `sgnet predict`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("predict", conf=Path(__file__).parents[1] / "conf")
