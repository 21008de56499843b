"""ResNet with a feature pyramid P3..P7 (SG-Net section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.ops import FrozenBatchNorm2d
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from sgnet.models.layers import group_norm

Norm = Literal["frozen_batch", "batch", "group"]
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "frozen_batch": FrozenBatchNorm2d,
    "batch": nn.BatchNorm2d,
    "group": group_norm,
}
DEPTHS = (18, 34, 50, 101)


class ResNetFPN(nn.Module):
    """Backbone: C3, C4, C5 of a ResNet, P3..P5 on top, P6 and P7 by stride-2 convolutions on P5.

    Args:
        depth: 18, 34, 50 or 101 (the paper's are 50 and 101).
        channels: of every pyramid level.
        norm: `frozen_batch` with pretrained weights, `group` from scratch.
        weights: name in torchvision's weight enum (`IMAGENET1K_V1`, `DEFAULT`), downloaded on
            first use; None starts from scratch.
        frozen_stages: the stem and so many of the four stages stay fixed.

    Raises:
        ValueError: unknown depth or norm, or weights with a norm they were not trained with.
    """

    strides: tuple[int, ...] = (8, 16, 32, 64, 128)

    def __init__(
        self,
        depth: int = 50,
        channels: int = 256,
        norm: Norm = "frozen_batch",
        weights: str | None = None,
        frozen_stages: int = 0,
    ) -> None:
        super().__init__()
        if depth not in DEPTHS:
            raise ValueError(f"backbone depth must be one of {DEPTHS}, got {depth}")
        if norm not in NORMS:
            raise ValueError(f"backbone norm must be one of {sorted(NORMS)}, got {norm!r}")
        if weights is not None and norm == "group":
            raise ValueError(
                f"weights {weights!r} hold batch norm; use norm=frozen_batch, got 'group'"
            )
        self.channels = channels
        self.pyramid = _pyramid(depth, channels, NORMS[norm], weights)
        for stage in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")[
            : 2 + frozen_stages if frozen_stages else 0
        ]:
            self.pyramid.body[stage].requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Pyramid features P3..P7 [B, C, ceil(H/s), ceil(W/s)] of normalised images."""
        return tuple(self.pyramid(images).values())


def _pyramid(
    depth: int, channels: int, norm_layer: Callable[[int], nn.Module], weights: str | None
) -> BackboneWithFPN:
    name = f"resnet{depth}"
    loaded = None if weights is None else get_model_weights(name)[weights]
    trains_norm = norm_layer is not FrozenBatchNorm2d
    resnet = get_model(
        name,
        weights=loaded,
        norm_layer=norm_layer,
        zero_init_residual=loaded is None and trains_norm,
    )
    widths = [resnet.inplanes // divisor for divisor in (4, 2, 1)]
    return BackboneWithFPN(
        resnet,
        return_layers={"layer2": "0", "layer3": "1", "layer4": "2"},
        in_channels_list=widths,
        out_channels=channels,
        extra_blocks=LastLevelP6P7(channels, channels),
    )
