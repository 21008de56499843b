"""Trains SG-Net, alone or as a run of a sweep.

sgnet train experiment=demo
sgnet train -m experiment=table2 setting=shapes_small
"""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from sgnet.training.callbacks import InterruptedRunError
from sgnet.training.sweeps import INTERRUPTED, FailedRunError, result, run_member
from sgnet.training.training_run import sweep_member, train


def run(cfg: DictConfig) -> float | None:
    """Trains; a run of a sweep does so in a process of its own.

    Args:
        cfg: conf/train.yaml composed.

    Returns:
        The best validation AP, which a sweeper optimises; None where nothing was validated.

    Raises:
        ValueError: a setting or an input file is wrong.
        FailedRunError: a run of a sweep failed.
        SystemExit: 75 where the run was told to end and has saved itself.
    """
    member = sweep_member()
    if member is not None:
        try:
            run_member(member)
        except (ValueError, OSError) as error:
            raise FailedRunError(str(error)) from error  # of this run, not of the sweep
        return result(Path(cfg.paths.run_dir), "best_AP")
    try:
        return train(cfg).get("best_AP")
    except InterruptedRunError as interruption:
        sys.stderr.write(f"{interruption}\n")
        raise SystemExit(INTERRUPTED) from None
