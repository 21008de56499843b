"""Configs to runs: the only part that Hydra and the mains talk to."""

from sgnet.training.checkpoint_evaluation import category_ids, evaluate_checkpoint
from sgnet.training.data_files import annotation_files, output_folder
from sgnet.training.mains import exit_on_error
from sgnet.training.run_folder import sole_run
from sgnet.training.training_run import build_model, run, train

__all__ = [
    "annotation_files",
    "build_model",
    "category_ids",
    "evaluate_checkpoint",
    "exit_on_error",
    "output_folder",
    "run",
    "sole_run",
    "train",
]
