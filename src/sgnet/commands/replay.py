"""Runs a dumped training step again and names where its values stop to be finite.

sgnet replay dump=runs/demo/non_finite/step-120-rank-0.pt
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from sgnet.training.replay import StepSettings, replay
from sgnet.training.training_run import build_model


def run(cfg: DictConfig) -> None:
    """Replays and prints."""
    dump = Path(cfg.dump)
    config = Path(cfg.config or dump.parent.parent / "config.yaml")
    if not config.is_file():
        raise ValueError(f"config of the run not found at {config}; give config=FILE")
    run_config: Any = OmegaConf.load(config)
    names = ("both_ways", "small_steps", "small_factor", "seed")
    report = replay(
        dump,
        build_model(run_config.model),
        instantiate(run_config.criterion, _convert_="all"),
        StepSettings(**{name: run_config[name] for name in names}),
        cfg.device,
        half=str(cfg.precision or run_config.trainer.precision).startswith("bf16"),
    )
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
