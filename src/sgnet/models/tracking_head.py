"""Tracking head: the movement of the object at each location (SG-Net section 3.3)."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from sgnet.files.checked_values import require_one_of
from sgnet.models.layers import initialize_convolutions, require_channels

TrackingInput = Literal["pair", "single"]


class TrackingHead(nn.Module):
    """One 1x1 convolution on centerness-branch features, shared over the levels.

    Args:
        channels: of the centerness-branch features.
        tracking_input: `pair` concatenates the features of key and reference frame, because one
            frame cannot show a movement; `single` is the key frame alone.

    Raises:
        ValueError: unknown tracking input, or channels beyond their limits.
    """

    def __init__(self, channels: int, tracking_input: TrackingInput = "pair") -> None:
        super().__init__()
        require_channels("channels", channels)
        require_one_of("tracking_input", tracking_input, get_args(TrackingInput))
        self.channels = channels
        self.tracking_input = tracking_input
        self.movement = nn.Conv2d(channels * (2 if tracking_input == "pair" else 1), 2, 1)
        initialize_convolutions(self)

    def forward(self, key_features: Tensor, reference_features: Tensor) -> Tensor:
        """Movement map D [B, 2, H, W], x and y displacement in units of the stride.

        Args:
            key_features: [B, C, H, W] centerness-branch features of the key frame.
            reference_features: [B, C, H, W] those of the reference frame; unused by `single`.
        """
        if self.tracking_input == "pair":
            key_features = torch.cat([key_features, reference_features], dim=1)
        movement: Tensor = self.movement(key_features)  # D of Eq. 4
        return movement
