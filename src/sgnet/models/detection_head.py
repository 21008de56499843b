"""The FCOS head: classes, box distances and centerness (SG-Net section 3.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from sgnet.files.checked_values import require_integer, require_number
from sgnet.models.layers import (
    MAX_DEPTH,
    convolution_tower,
    fill_bias,
    initialize_convolutions,
    require_channels,
)

MAX_CLASSES = 100_000


@dataclass(frozen=True)
class DetectionMaps:
    """Outputs of the detection head on one level.

    Attributes:
        class_logits: [B, K, H, W].
        distances_ltrb: [B, 4, H, W] >= 0, in units of the stride.
        centerness_logits: [B, 1, H, W].
    """

    class_logits: Tensor
    distances_ltrb: Tensor
    centerness_logits: Tensor


class DetectionHead(nn.Module):
    """Two towers shared over the levels; centerness sits on the box tower, as in torchvision.

    Args:
        channels: of the pyramid.
        num_classes: K, without background.
        tower_depth: convolutions in each tower.
        prior_probability: the class probability at the start of training.
        initial_distance: box distance at the start of training in units of the stride; positive,
            so that no box output starts on the dead side of its ReLU.

    Raises:
        ValueError: a setting beyond its limits.
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        tower_depth: int = 4,
        prior_probability: float = 0.01,
        initial_distance: float = 4.0,
    ) -> None:
        super().__init__()
        require_channels("channels", channels)
        require_integer("num_classes", num_classes, 1, MAX_CLASSES)
        require_integer("tower_depth", tower_depth, 0, MAX_DEPTH)
        require_number("prior_probability", prior_probability, 1e-6, 1 - 1e-6)
        require_number("initial_distance", initial_distance, 0, 1e4, above=True)
        self.channels = channels
        self.num_classes = num_classes
        self.class_tower = convolution_tower(channels, tower_depth)
        self.box_tower = convolution_tower(channels, tower_depth)
        self.class_logits = nn.Conv2d(channels, num_classes, 3, padding=1)
        self.box_distances = nn.Conv2d(channels, 4, 3, padding=1)
        self.centerness = nn.Conv2d(channels, 1, 3, padding=1)
        initialize_convolutions(self)
        prior_logit = -math.log((1 - prior_probability) / prior_probability)
        fill_bias(self.class_logits, prior_logit)
        fill_bias(self.box_distances, initial_distance)

    def box_features(self, feature: Tensor) -> Tensor:
        """Box-tower features [B, C, H, W]: what box, centerness and movement are read from."""
        box_features: Tensor = self.box_tower(feature)
        return box_features

    def forward(self, feature: Tensor, box_features: Tensor | None = None) -> DetectionMaps:
        """Detection maps of one level.

        Args:
            feature: [B, C, H, W] pyramid feature.
            box_features: [B, C, H, W] from `box_features`, where it is known already.
        """
        if box_features is None:
            box_features = self.box_features(feature)
        return DetectionMaps(
            class_logits=self.class_logits(self.class_tower(feature)),
            distances_ltrb=self.box_distances(box_features).relu(),  # l, t, r, b of FCOS Eq. 1
            centerness_logits=self.centerness(box_features),
        )
