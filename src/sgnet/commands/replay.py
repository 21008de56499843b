"""Runs a dumped training step again and names where its values stop to be finite.

sgnet replay dump=runs/demo/non_finite/step-120-rank-0.pt
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from omegaconf import DictConfig

from sgnet.inference.devices import torch_device
from sgnet.reports.runs import read_config
from sgnet.training.replay import replay, replayed_parts


def run(cfg: DictConfig) -> None:
    """Replays and prints.

    Raises:
        ValueError: no such files or device, or a config that is not one of training.
    """
    device = str(torch_device(cfg.device))
    dump = Path(cfg.dump)
    config = Path(cfg.config or dump.parent.parent / "config.yaml")
    if not config.is_file():
        raise ValueError(f"config of the run not found at {config}; give config=FILE")
    run_config = read_config(config)
    parts = replayed_parts(run_config, config)
    precision = cfg.precision or (run_config.get("trainer") or {}).get("precision")
    half = str(precision).startswith("bf16")
    report = replay(dump, *parts, device, half)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
