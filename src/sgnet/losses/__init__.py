"""Target assignment and the loss terms of SG-Net Eq. 6."""

from sgnet.losses.criterion import LossTerms, SGNetCriterion

__all__ = ["LossTerms", "SGNetCriterion"]
