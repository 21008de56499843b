"""Spatial attention module: attention scores for the sub-regions (SG-Net section 3.2)."""

from __future__ import annotations

from torch import Tensor, nn

from sgnet.models.layers import initialize_convolutions


class SpatialAttention(nn.Module):
    """Two 3x3 convolutions, shared over P3..P7, that give S scores a location.

    Args:
        channels: of the pyramid.
        num_scores: S; G*G for one score a sub-region.
    """

    def __init__(self, channels: int, num_scores: int) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(channels, channels, 3, padding=1)
        self.scores = nn.Conv2d(channels, num_scores, 3, padding=1)
        initialize_convolutions(self)
        # a product a*B with both near zero starts on a saddle; scores of order one leave it
        nn.init.kaiming_uniform_(self.hidden.weight, a=1)
        nn.init.kaiming_uniform_(self.scores.weight, a=1)

    def forward(self, feature: Tensor) -> Tensor:
        """Attention scores [B, S, H, W] of one pyramid level [B, C, H, W]."""
        scores: Tensor = self.scores(self.hidden(feature).relu())
        return scores
