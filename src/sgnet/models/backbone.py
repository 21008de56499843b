"""ResNet with a feature pyramid P3..P7 (SG-Net section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.ops import FrozenBatchNorm2d
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from sgnet.files.checked_values import require_integer, require_one_of
from sgnet.models.layers import group_norm, require_channels

Norm = Literal["frozen_batch", "batch", "group"]
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "frozen_batch": FrozenBatchNorm2d,
    "batch": nn.BatchNorm2d,
    "group": group_norm,
}
DEPTHS = (18, 34, 50, 101)
STAGES = 4


class ResNetFPN(nn.Module):
    """Backbone: C3, C4, C5 of a ResNet, P3..P5 on top, P6 and P7 by stride-2 convolutions on P5.

    Args:
        depth: 18, 34, 50 or 101 (the paper's are 50 and 101).
        channels: of every pyramid level.
        norm: `frozen_batch` with pretrained weights, `group` from scratch.
        frozen_stages: the stem and so many of the four stages stay fixed.

    Raises:
        ValueError: unknown depth or norm, channels or stages beyond their limits.
    """

    strides: tuple[int, ...] = (8, 16, 32, 64, 128)
    pixel_mean: tuple[float, ...] = (123.675, 116.28, 103.53)  # ImageNet's
    pixel_std: tuple[float, ...] = (58.395, 57.12, 57.375)

    def __init__(
        self,
        depth: int = 50,
        channels: int = 256,
        norm: Norm = "frozen_batch",
        frozen_stages: int = 0,
    ) -> None:
        super().__init__()
        require_one_of("depth", depth, DEPTHS)
        require_one_of("norm", norm, sorted(NORMS))
        require_channels("channels", channels)
        require_integer("frozen_stages", frozen_stages, 0, STAGES)
        self.depth = depth
        self.norm = norm
        self.channels = channels
        self.pyramid = _pyramid(depth, channels, NORMS[norm])
        for stage in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")[
            : 2 + frozen_stages if frozen_stages else 0
        ]:
            self.pyramid.body[stage].requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Pyramid features P3..P7 [B, C, ceil(H/s), ceil(W/s)] of normalised images."""
        return tuple(self.pyramid(images).values())


def _pyramid(depth: int, channels: int, norm_layer: Callable[[int], nn.Module]) -> BackboneWithFPN:
    resnet = get_model(
        f"resnet{depth}",
        weights=None,
        norm_layer=norm_layer,
        zero_init_residual=norm_layer is not FrozenBatchNorm2d,
    )
    widths = [resnet.inplanes // divisor for divisor in (4, 2, 1)]
    return BackboneWithFPN(
        resnet,
        return_layers={"layer2": "0", "layer3": "1", "layer4": "2"},
        in_channels_list=widths,
        out_channels=channels,
        extra_blocks=LastLevelP6P7(channels, channels),
    )
