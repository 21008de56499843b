"""Callbacks of training."""

from sgnet.callbacks.interruption import InterruptedRunError, InterruptionCheckpoint
from sgnet.callbacks.non_finite import NonFiniteGuard

__all__ = ["InterruptedRunError", "InterruptionCheckpoint", "NonFiniteGuard"]
