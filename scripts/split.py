"""Parts annotated videos into training and validation by their names, the same everywhere.

python scripts/split.py annotations=FILE output=FOLDER
python scripts/split.py annotations=FILE output=FOLDER rule=hash share=0.1
python scripts/split.py annotations=FILE output=FOLDER folds=5

The same as `sgnet split`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("split", conf=Path(__file__).parents[1] / "conf")
