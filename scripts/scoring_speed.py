"""Time and memory of scoring a large results file, beside the loop of the official code.

python scripts/scoring_speed.py output=scoring_speed.json

Writes a case (100 videos, 10,000 found tracks of 30 frames, about 100 MB), scores it in turn with
both, each in a process of its own, and shows medians and ratios. Their AP must be the same.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from rich.progress import track

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ stands beside scripts/
from benchmarks.scoring import CONTESTANTS, timed_alone, write_case
from sgnet.commands.start import start
from sgnet.files.atomic_file import require_writable_file, write_json

FIGURES = ("seconds", "megabytes")


def measure(cfg: DictConfig) -> dict[str, Any]:
    """Medians of all rounds, and of the ratios in each.

    Raises:
        ValueError: the contestants do not agree on AP.
    """
    sizes = (cfg.videos, cfg.frames, cfg.objects, cfg.tracks, cfg.categories)
    with tempfile.TemporaryDirectory() as name:
        paths = write_case(Path(name), sizes, cfg.seed)
        size = paths[1].stat().st_size / 1e6
        rounds = [
            {contestant: timed_alone(contestant, *paths) for contestant in CONTESTANTS}
            for _ in track(range(cfg.rounds), description="rounds")
        ]
    found = {contestant: rounds[0][contestant]["AP"] for contestant in CONTESTANTS}
    if not np.allclose(list(found.values()), found["loop"], rtol=0, atol=1e-9):
        raise ValueError(f"all must find the same AP, got {found}")
    medians = {
        contestant: {
            figure: float(np.median([one[contestant][figure] for one in rounds]))
            for figure in FIGURES
        }
        for contestant in CONTESTANTS
    }
    ratios = {
        figure: float(np.median([one["sgnet"][figure] / one["loop"][figure] for one in rounds]))
        for figure in FIGURES
    }
    return {"results_megabytes": size, "AP": found["sgnet"], "medians": medians, "ratios": ratios}


def run(cfg: DictConfig) -> None:
    """Measures, shows and writes."""
    if cfg.output is not None:
        require_writable_file(cfg.output)
    report = measure(cfg)
    for name, row in report["medians"].items():
        sys.stdout.write(f"{name:<8}{row['seconds']:>8.2f} s{row['megabytes']:>8.0f} MB\n")
    ratios = report["ratios"]
    sys.stdout.write(f"{'ratio':<8}{ratios['seconds']:>8.2f}  {ratios['megabytes']:>8.2f}\n")
    if cfg.output is not None:
        write_json(report, cfg.output)


if __name__ == "__main__":
    start("scoring_speed", run, conf=Path(__file__).parents[1] / "conf")
