"""Latency of this network beside torchvision's Mask R-CNN and FCOS, in one run.

python scripts/benchmark.py output=bench.json
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ stands beside scripts/
from benchmarks.compare import compare
from benchmarks.lineup import BenchmarkSettings
from sgnet.commands.start import start
from sgnet.files.atomic_file import require_writable_file, write_json
from sgnet.inference.devices import torch_device


def show(figures: dict[str, Any]) -> None:
    """Prints the tables."""
    console = Console(file=sys.stdout)
    times = Table("milliseconds a frame", "median", "quartiles", "peak MB")
    for name, timing in figures["milliseconds"].items():
        memory = figures["memory_mb"].get(name)
        times.add_row(
            name,
            "failed" if timing is None else f"{timing['median']:.1f}",
            "" if timing is None else f"{timing['low']:.1f} .. {timing['high']:.1f}",
            "" if memory is None else f"{memory:.0f}",
        )
    console.print(times)
    for name, by_count in figures["stages"].items():
        if by_count is None:
            continue  # its reason is among the failures
        stages = Table(f"{name}: stage", *(f"{count} instances" for count in by_count))
        for stage in next(iter(by_count.values())):
            stages.add_row(stage, *(f"{s[stage]['median']:.1f}" for s in by_count.values()))
        console.print(stages)
    work = Table("network", "M parameters", "G multiply-adds")
    for name, amount in figures["work"].items():
        if amount:
            work.add_row(name, f"{amount['parameters_m']:.1f}", f"{amount['multiply_adds_g']:.1f}")
    console.print(work)
    for part in ("modes", "trials_ms", "not_tried", "exact", "fastest", "machine", "failures"):
        console.print(part, figures[part])


def run(cfg: DictConfig) -> None:
    """Measures, writes and prints."""
    device = str(torch_device(cfg.device))
    if cfg.output is not None:
        require_writable_file(cfg.output)
    if cfg.threads is not None:
        torch.set_num_threads(cfg.threads)
    settings = BenchmarkSettings(
        (cfg.height, cfg.width),
        cfg.rounds,
        cfg.warmup,
        device,
        cfg.compile_too,
        cfg.onnx_too,
        tuple(cfg.depths),
        cfg.mode,
        cfg.rivals,
    )
    figures = compare(settings)
    if cfg.output is not None:
        write_json(figures, cfg.output)
    show(figures)


if __name__ == "__main__":
    start("benchmark", run, conf=Path(__file__).parents[1] / "conf")
