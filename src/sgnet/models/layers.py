"""Layers that several components share."""

from __future__ import annotations

from torch import nn

from sgnet.files.checked_values import require_integer

MAX_CHANNELS = 8192
MAX_DEPTH = 64  # of a tower


def group_norm(channels: int) -> nn.GroupNorm:
    """Group norm with 32 groups, or the next smaller power of two that leaves 2 channels each.

    Groups of one channel would have a single value on a 1x1 map, which has no variance.
    """
    groups = 32
    while groups > 1 and (channels % groups or channels < 2 * groups):
        groups //= 2
    return nn.GroupNorm(groups, channels)


def require_channels(name: str, channels: object) -> None:
    """Refuses widths that no network of this kind has.

    Raises:
        ValueError: no integer from 1 to `MAX_CHANNELS`.
    """
    require_integer(name, channels, 1, MAX_CHANNELS)


def convolution_tower(channels: int, depth: int) -> nn.Sequential:
    """`depth` times 3x3 convolution, group norm, ReLU, as FCOS has them.

    The order of the entries is torchvision's, so its weights fit by position.
    """
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Conv2d(channels, channels, 3, padding=1), group_norm(channels), nn.ReLU()]
    return nn.Sequential(*layers)


def initialize_convolutions(module: nn.Module, std: float = 0.01) -> None:
    """Normal weights with the given deviation and zero biases, FCOS's and BlendMask's choice."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def fill_bias(layer: nn.Conv2d, value: float) -> None:
    """Sets every bias of a convolution to one value."""
    if layer.bias is not None:
        nn.init.constant_(layer.bias, value)
