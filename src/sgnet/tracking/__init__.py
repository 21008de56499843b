"""Identities over time; the only state that outlives a frame."""

from sgnet.tracking.movement_tracker import MovementTracker

__all__ = ["MovementTracker"]
