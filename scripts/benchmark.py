"""Latency of this network beside torchvision's Mask R-CNN and FCOS, in one run.

python scripts/benchmark.py output=bench.json
"""

from __future__ import annotations

import sys
from typing import Any

import hydra
import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from sgnet.benchmark.compare import BenchmarkSettings, compare
from sgnet.ops.atomic_file import write_json
from sgnet.training import exit_on_error


def show(figures: dict[str, Any]) -> None:
    """Prints the tables."""
    console = Console(file=sys.stdout)
    times = Table("milliseconds a frame", "median", "quartiles", "memory MB", "G multiply-adds")
    for name, timing in figures["milliseconds"].items():
        work = figures["work"].get(name)
        memory = figures["memory_mb"].get(name)
        times.add_row(
            name,
            f"{timing['median']:.1f}",
            f"{timing['low']:.1f} .. {timing['high']:.1f}",
            "" if memory is None else f"{memory:.0f}",
            "" if work is None else f"{work['multiply_adds_g']:.1f}",
        )
    console.print(times)
    stages = Table("stage, 10 instances", *figures["stages"])
    for stage in figures["stages"]["exact"]:
        stages.add_row(stage, *(f"{s[stage]['median']:.1f}" for s in figures["stages"].values()))
    console.print(stages)
    for mode in ("exact", "fastest"):
        console.print(mode, figures[mode])
    console.print(figures["machine"])


def run(cfg: DictConfig) -> None:
    """Measures, prints and writes."""
    if cfg.threads is not None:
        torch.set_num_threads(cfg.threads)
    settings = BenchmarkSettings(
        (cfg.height, cfg.width),
        cfg.rounds,
        cfg.warmup,
        cfg.device or ("cuda" if torch.cuda.is_available() else "cpu"),
        cfg.compile_too,
        tuple(cfg.depths),
    )
    figures = compare(settings)
    show(figures)
    if cfg.output is not None:
        write_json(figures, cfg.output)


@hydra.main(version_base="1.3", config_path="../conf", config_name="benchmark")
def main(cfg: DictConfig) -> None:
    """Reads the command line."""
    exit_on_error(lambda: run(cfg))


if __name__ == "__main__":
    main()
