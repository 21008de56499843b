"""What a checkpoint may name, and nothing else: the parts of a trained system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from sgnet.checkpoints.description import call
from sgnet.files.checked_values import shown
from sgnet.models import DetectionHead, MaskHead, ResNetFPN, SGNet, TimmFPN, TrackingHead
from sgnet.postprocess import DetectionDecoder
from sgnet.tracking import MovementTracker

# all that a checkpoint may name; it can never run anything else
COMPONENTS: dict[str, Callable[..., Any]] = {
    part.__name__: part
    for part in (
        SGNet,
        ResNetFPN,
        TimmFPN,
        DetectionHead,
        MaskHead,
        TrackingHead,
        DetectionDecoder,
        MovementTracker,
    )
}
# arguments that are parts themselves, and which; nothing else nests, so nothing nests without end
NESTED: dict[str, tuple[str, ...]] = {
    "backbone": ("ResNetFPN", "TimmFPN"),
    "detection_head": ("DetectionHead",),
    "mask_head": ("MaskHead",),
    "tracking_head": ("TrackingHead",),
}
TARGET = "_target_"


def build_component(
    config: Mapping[str, Any],
    where: str = "checkpoint component",
    allowed: tuple[str, ...] = tuple(COMPONENTS),
) -> Any:  # noqa: ANN401 - any of COMPONENTS
    """Builds a component from a nested mapping with `_target_` names, without Hydra.

    Args:
        config: as in conf/model; only the classes in COMPONENTS may be named.
        where: file and entry, for messages.
        allowed: names that may stand here.

    Raises:
        ValueError: a name that is not allowed, or an argument that is missing, unknown or wrong.
    """
    name = component_name(config, where, allowed)
    arguments = {key: value for key, value in config.items() if key != TARGET}
    if name == SGNet.__name__:
        for part, choices in NESTED.items():
            if part in arguments:
                arguments[part] = build_component(arguments[part], f"{where}.{part}", choices)
    return call(COMPONENTS[name], arguments, where)


def component_name(config: object, where: str, allowed: tuple[str, ...]) -> str:
    """The class that a mapping names.

    Raises:
        ValueError: it is no mapping, or names none of those allowed.
    """
    if not isinstance(config, Mapping) or not all(isinstance(key, str) for key in config):
        raise ValueError(f"{where} must be a mapping of arguments by name, got {shown(config)}")
    target = config.get(TARGET)
    package, _, name = target.rpartition(".") if isinstance(target, str) else ("", "", "")
    if name not in allowed or package.split(".")[0] != "sgnet":
        raise ValueError(
            f"{where}: {TARGET} must be one of {sorted(allowed)} of sgnet, got {shown(target)}"
        )
    return name


def sketch(config: Mapping[str, Any], where: str) -> SGNet:
    """The network without memory: its tensors have names and shapes and hold nothing.

    Raises:
        ValueError: see `build_component`.
    """
    with torch.device("meta"):
        model: SGNet = build_component(config, where, (SGNet.__name__,))
    return model
