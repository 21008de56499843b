"""A checkpoint to results.json, its zip for a submission and, where annotations exist, the score.

python scripts/evaluate.py checkpoint=runs/demo/checkpoints/best.ckpt data=shapes_small
"""

from __future__ import annotations

import sys

import hydra
from omegaconf import DictConfig

from sgnet.training import evaluate_checkpoint, exit_on_error


@hydra.main(version_base="1.3", config_path="../conf", config_name="evaluate")
def main(cfg: DictConfig) -> None:
    """Reads the command line."""
    sys.stdout.write(exit_on_error(lambda: evaluate_checkpoint(cfg)) + "\n")


if __name__ == "__main__":
    main()
