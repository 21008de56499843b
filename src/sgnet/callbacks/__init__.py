"""Callbacks of training."""

from sgnet.callbacks.broken_frames import BrokenFrameGuard
from sgnet.callbacks.interruption import InterruptedRunError, InterruptionCheckpoint
from sgnet.callbacks.non_finite import NonFiniteGuard
from sgnet.callbacks.throughput import ThroughputLog
from sgnet.callbacks.validation_pictures import ValidationPictures

__all__ = [
    "BrokenFrameGuard",
    "InterruptedRunError",
    "InterruptionCheckpoint",
    "NonFiniteGuard",
    "ThroughputLog",
    "ValidationPictures",
]
