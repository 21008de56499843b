"""What the figures of the benchmark were measured on."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch

from sgnet.manifest import processor_name


def machine(device: str, size: tuple[int, int], rounds: int) -> dict[str, Any]:
    """What the figures were measured on; device, size and rounds are given."""
    on_gpu = torch.device(device).type == "cuda"
    return {
        "device": torch.cuda.get_device_name()
        if on_gpu
        else f"{os.cpu_count()} x {processor_name()}",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "size": list(size),
        "rounds": rounds,
    }
