"""A sweep as a table with means and deviations over seeds, or two runs compared.

python scripts/report.py runs=runs/table3-shapes_small output=docs/reports/table3
python scripts/report.py runs=runs/a other=runs/b

The same as `sgnet report`.
"""

from __future__ import annotations

from pathlib import Path

from sgnet.commands.start import start

if __name__ == "__main__":
    start("report", conf=Path(__file__).parents[1] / "conf")
