"""Networks that start from weights of others."""

from sgnet.checkpoints.weights.load_report import LoadReport
from sgnet.checkpoints.weights.loading import load_initial_weights

__all__ = ["LoadReport", "load_initial_weights"]
