"""YouTube-VIS annotations or results to labelling tools and other forms.

python scripts/export_tracks.py to=cvat annotations=GT.json results=RES.json output=out

The same as `sgnet export-tracks`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("export_tracks", conf=Path(__file__).parents[1] / "conf")
