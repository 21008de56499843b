"""Target assignment and the loss terms of SG-Net Eq. 6."""

from sgnet.losses.criterion import LossCounts, LossTerms, SGNetCriterion, StepCounts

__all__ = ["LossCounts", "LossTerms", "SGNetCriterion", "StepCounts"]
