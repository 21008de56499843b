"""Callbacks of training."""

from sgnet.training.callbacks.averaged_weights import AveragedWeights
from sgnet.training.callbacks.broken_frames import BrokenFrameGuard
from sgnet.training.callbacks.interruption import InterruptedRunError, InterruptionCheckpoint
from sgnet.training.callbacks.non_finite import NonFiniteGuard
from sgnet.training.callbacks.progress import ProgressLines, training_progress
from sgnet.training.callbacks.throughput import ThroughputLog
from sgnet.training.callbacks.validation_pictures import ValidationPictures

__all__ = [
    "AveragedWeights",
    "BrokenFrameGuard",
    "InterruptedRunError",
    "InterruptionCheckpoint",
    "NonFiniteGuard",
    "ProgressLines",
    "ThroughputLog",
    "ValidationPictures",
    "training_progress",
]
