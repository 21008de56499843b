"""ResNet with a feature pyramid P3..P7 (SG-Net section 3.1), and C2 for finer masks on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.ops import FrozenBatchNorm2d
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from sgnet.files.checked_values import require_flag, require_integer, require_one_of
from sgnet.models.layers import group_norm, require_channels

Norm = Literal["frozen_batch", "batch", "group"]
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "frozen_batch": FrozenBatchNorm2d,
    "batch": nn.BatchNorm2d,
    "group": group_norm,
}
DEPTHS = (18, 34, 50, 101)
STAGES = 4
C2_CHANNELS = {18: 64, 34: 64, 50: 256, 101: 256}
DETAIL = "detail"


class ResNetFPN(nn.Module):
    """Backbone: C3, C4, C5 of a ResNet, P3..P5 on top, P6 and P7 by stride-2 convolutions on P5.

    Args:
        depth: 18, 34, 50 or 101 (the paper's are 50 and 101).
        channels: of every pyramid level.
        norm: `frozen_batch` with pretrained weights, `group` from scratch.
        frozen_stages: the stem and so many of the four stages stay fixed.
        detail: gives C2 behind the pyramid, at a stride of 4, for masks of that stride.

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
        detail: bool = False,
    ) -> None:
        super().__init__()
        require_one_of("depth", depth, DEPTHS)
        require_one_of("norm", norm, sorted(NORMS))
        require_channels("channels", channels)
        require_integer("frozen_stages", frozen_stages, 0, STAGES)
        require_flag("detail", detail)
        self.depth = depth
        self.norm = norm
        self.channels = channels
        self.detail_channels = C2_CHANNELS[depth] if detail else 0
        self.pyramid = _pyramid(depth, channels, NORMS[norm], detail)
        for stage in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")[
            : 2 + frozen_stages if frozen_stages else 0
        ]:
            self.pyramid.body[stage].requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Pyramid features P3..P7 [B, C, ceil(H/s), ceil(W/s)] of normalised images.

        With `detail` a sixth: C2, [B, `detail_channels`, ceil(H/4), ceil(W/4)].
        """
        stages = self.pyramid.body(images)
        detail = [stages.pop(DETAIL)] if self.detail_channels else []
        return (*self.pyramid.fpn(stages).values(), *detail)


def split_detail(features: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], Tensor | None]:
    """What a backbone gives as P3..P7, and C2 where it gives that."""
    levels = len(ResNetFPN.strides)
    return tuple(features[:levels]), features[levels] if len(features) > levels else None


def _pyramid(
    depth: int, channels: int, norm_layer: Callable[[int], nn.Module], detail: bool
) -> BackboneWithFPN:
    resnet = get_model(
        f"resnet{depth}",
        weights=None,
        norm_layer=norm_layer,
        zero_init_residual=norm_layer is not FrozenBatchNorm2d,
    )
    widths = [resnet.inplanes // divisor for divisor in (4, 2, 1)]
    return BackboneWithFPN(
        resnet,
        return_layers={
            **({"layer1": DETAIL} if detail else {}),
            **{"layer2": "0", "layer3": "1", "layer4": "2"},
        },
        in_channels_list=widths,
        out_channels=channels,
        extra_blocks=LastLevelP6P7(channels, channels),
    )
