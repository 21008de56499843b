r"""An exported model against its checkpoint: the same tracks, and what starting each costs (Linux).

python scripts/check_export.py checkpoint=runs/demo/checkpoints/last.ckpt exported=last.onnx \
    data=shapes_small output=check_export.json

The same as `sgnet check-export`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("check_export", conf=Path(__file__).parents[1] / "conf")
