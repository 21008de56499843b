"""Trains SG-Net: `python train.py experiment=demo`, with any Hydra override."""

from __future__ import annotations

from pathlib import Path

import hydra
from omegaconf import DictConfig

from sgnet.training import run


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    """Trains; the best validation AP is what a sweeper optimises."""
    return run(cfg, Path(__file__).resolve())


if __name__ == "__main__":
    main()
