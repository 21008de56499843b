"""A checkpoint to one graph: frame and the last frame's features in, instances and features out.

python scripts/export.py checkpoint=runs/demo/checkpoints/last.ckpt format=onnx
python scripts/export.py checkpoint=... format=onnx_int8 calibration=data/shapes_small/train

The same as `sgnet export`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("export", conf=Path(__file__).parents[1] / "conf")
