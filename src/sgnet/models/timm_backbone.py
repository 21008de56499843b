"""Any network of timm that gives features at strides 8, 16 and 32, with a pyramid on top."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from sgnet.files.checked_values import require_integer, require_number, require_one_of, shown
from sgnet.models.layers import require_channels

STRIDES = (8, 16, 32)
LONGEST_NAME = 200
MAX_SETTINGS = 64
MAX_WIDTH = 8192
MAX_BLOCKS = 128  # of a stage
COUNTS_BLOCKS = ("depth", "layers", "blocks", "stages", "multiplier", "num_heads")
# what a checkpoint must not decide, or is decided here
OWN_ARGUMENTS = {
    "pretrained",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
    "checkpoint_path",
    "cache_dir",
    "features_only",
    "out_indices",
    "scriptable",
}


class TimmFPN(nn.Module):
    """Backbone: C3, C4, C5 of a network of timm, P3..P5 on top, P6 and P7 from P5.

    Args:
        name: of a network of timm that can give features (`timm.list_models()`).
        channels: of every pyramid level.
        norm: `own` trains the network's norms as they are, `frozen_batch` fixes its batch norms,
            for pretrained weights.
        pixel_mean: of its input, 0..255; None takes what timm says the network was trained with.
        pixel_std: the same.
        settings: further arguments of `timm.create_model`.

    Raises:
        ValueError: timm is not installed, knows no such network, the network has no features at
            these strides, or the settings hold an argument that is set here.
    """

    strides: tuple[int, ...] = (8, 16, 32, 64, 128)
    detail_channels = 0  # it gives no C2

    def __init__(
        self,
        name: str,
        channels: int = 256,
        norm: Literal["own", "frozen_batch"] = "own",
        pixel_mean: Sequence[float] | None = None,
        pixel_std: Sequence[float] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(name, str) or len(name) > LONGEST_NAME:
            raise ValueError(f"name must be that of a network of timm, got {shown(name)}")
        require_one_of("norm", norm, ("own", "frozen_batch"))
        require_channels("channels", channels)
        _require_settings(settings)
        timm = _timm()
        self.name = name
        self.channels = channels
        self.settings = dict(settings or {})
        self.body = feature_network(name, self.settings)
        if norm == "frozen_batch":
            self.body = timm.layers.freeze_batch_norm_2d(self.body)
        self.channels_last = str(getattr(self.body, "output_fmt", "NCHW")).endswith("NHWC")
        trained = timm.get_pretrained_cfg(name, allow_unregistered=True)
        self.pixel_mean = _pixels("pixel_mean", pixel_mean, trained.mean)
        self.pixel_std = _pixels("pixel_std", pixel_std, trained.std, above=True)
        self.fpn = FeaturePyramidNetwork(
            self.body.feature_info.channels(), channels, LastLevelP6P7(channels, channels)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Pyramid features P3..P7 [B, C, H/s, W/s] of normalised images.

        Sides that the strides do not divide are rounded as the network rounds them.
        """
        features = self.body(images)
        if self.channels_last:
            features = [feature.permute(0, 3, 1, 2) for feature in features]
        named = OrderedDict((str(level), feature) for level, feature in enumerate(features))
        return tuple(self.fpn(named).values())


def feature_network(name: str, settings: Mapping[str, Any], **more: Any) -> Any:  # noqa: ANN401
    """The network of timm that gives C3, C4 and C5.

    Args:
        name: of the network.
        settings: further arguments of `timm.create_model`.
        **more: the same.

    Raises:
        ValueError: timm knows no such network, or it has no features at strides 8, 16 and 32.
    """
    timm = _timm()
    if not timm.is_model(name):
        near = timm.list_models(f"*{name.split('_')[0]}*")[:5]
        raise ValueError(f"backbone name must be a network of timm, such as {near}, got {name!r}")
    try:
        with torch.device("meta"):  # only asks which features there are
            features = timm.create_model(name, features_only=True, **settings).feature_info
    except Exception as error:  # timm's networks check none of their settings
        raise ValueError(f"backbone {name!r} gives no features: {error}") from error
    found = list(features.reduction())
    if any(stride not in found for stride in STRIDES):
        raise ValueError(f"backbone {name!r} must give features at {STRIDES}, got {found}")
    levels = tuple(len(found) - 1 - found[::-1].index(stride) for stride in STRIDES)
    return timm.create_model(name, features_only=True, out_indices=levels, **settings, **more)


def _pixels(
    name: str, given: Sequence[float] | None, trained: Sequence[float], above: bool = False
) -> tuple[float, ...]:
    if given is None:
        return tuple(255 * value for value in trained)
    if not isinstance(given, Sequence) or len(given) != 3:
        raise ValueError(f"{name} must be three numbers, got {shown(given)}")
    for channel, value in enumerate(given):
        require_number(f"{name}[{channel}]", value, 0, 255, above)
    return tuple(given)


def _require_settings(settings: object) -> None:
    """Refuses settings of timm that are no short plain values, or would build without end."""
    if settings is None:
        return
    if not isinstance(settings, Mapping) or len(settings) > MAX_SETTINGS:
        raise ValueError(f"settings must be a mapping of arguments, got {shown(settings)}")
    if unsafe := sorted(OWN_ARGUMENTS & set(settings)):
        raise ValueError(f"settings must not hold {unsafe}; see model.weights")
    for name, value in settings.items():
        if not isinstance(name, str):
            raise ValueError(f"settings must have names, got {shown(name)}")
        values = value if isinstance(value, list | tuple) else [value]
        if len(values) > MAX_SETTINGS:
            raise ValueError(f"settings.{name} must be short, got {shown(value)}")
        most = MAX_BLOCKS if any(part in name for part in COUNTS_BLOCKS) else MAX_WIDTH
        for item in values:
            _require_setting(f"settings.{name}", item, most)


def _require_setting(name: str, value: object, most: int) -> None:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        require_integer(name, value, -1, most)
    elif isinstance(value, float):
        require_number(name, value, -most, most)
    elif not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise ValueError(f"{name} must be short text, numbers or flags, got {shown(value)}")


def _timm() -> Any:  # noqa: ANN401 - a module without types
    try:
        import timm
    except ImportError as error:
        raise ValueError(
            "backbones of timm need it: expected `pip install 'sgnet[timm]'` or "
            "'sgnet[offline]', got no timm"
        ) from error
    return timm
