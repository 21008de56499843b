"""Looks a whole data set over: what it holds, and everything that is wrong with it.

python scripts/check_data.py annotations=FILE images=FOLDER output=FOLDER
python scripts/check_data.py data=shapes_small split=val output=FOLDER

The same as `sgnet check-data`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("check_data", conf=Path(__file__).parents[1] / "conf")
