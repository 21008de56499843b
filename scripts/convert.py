"""Labelled videos of other forms to a YouTube-VIS data set: SPLIT.json and SPLIT/JPEGImages.

python scripts/convert.py from=cvat source=annotations.xml images=frames output=data/mine

The same as `sgnet convert`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("convert", conf=Path(__file__).parents[1] / "conf")
