"""What the figures of the benchmark were measured on."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch


def machine(device: str, size: tuple[int, int], rounds: int) -> dict[str, Any]:
    """What the figures were measured on; device, size and rounds are given."""
    on_gpu = torch.device(device).type == "cuda"
    return {
        "device": torch.cuda.get_device_name() if on_gpu else _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "size": list(size),
        "rounds": rounds,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()
