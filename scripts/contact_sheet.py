"""A picture of some videos of a data set: raw frames beside their annotations.

python scripts/contact_sheet.py data=shapes_small output=docs/shapes_small.jpg
python scripts/contact_sheet.py data=base data.root=FOLDER output=sheet.jpg skip=20

The same as `sgnet contact-sheet`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("contact_sheet", conf=Path(__file__).parents[1] / "conf")
