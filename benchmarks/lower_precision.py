"""Torchvision's detectors with weights stored in a lower precision, as ours stores them.

Autocast would cast all weights anew in every frame. Here the network's own layers compute in the
lower precision, and what torchvision has in float32 alone stays there: anchors, decoding, NMS and
the pooling of regions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Cast(nn.Module):
    """A module between two precisions.

    Args:
        module: runs with its inputs cast.
        inputs: precision of its floating inputs.
        outputs: precision of its floating outputs.
    """

    def __init__(self, module: nn.Module, inputs: torch.dtype, outputs: torch.dtype) -> None:
        super().__init__()
        self.module = module
        self.inputs, self.outputs = inputs, outputs

    def forward(self, *values: Any) -> Any:  # noqa: ANN401 - whatever the module takes
        """What the module gives, cast."""
        return cast(self.module(*cast(values, self.inputs)), self.outputs)


class ExactAnchors(nn.Module):
    """Anchors in float32; torchvision's would have the precision of the features.

    Args:
        generator: torchvision's `AnchorGenerator`.
    """

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, images: Any, features: list[Tensor]) -> list[Tensor]:  # noqa: ANN401
        """[A, 4] pixels of each image; of the features only shape and device matter."""
        shapes = [level.new_empty(1, dtype=torch.float32).expand(level.shape) for level in features]
        anchors: list[Tensor] = self.generator(images, shapes)
        return anchors


def cast(values: Any, dtype: torch.dtype) -> Any:  # noqa: ANN401 - tensors in any container
    """The floating tensors in tuples, lists and dictionaries in another precision."""
    if isinstance(values, Tensor):
        return values.to(dtype) if values.is_floating_point() else values
    if isinstance(values, dict):
        return {name: cast(value, dtype) for name, value in values.items()}
    if isinstance(values, tuple | list):
        return type(values)(cast(value, dtype) for value in values)
    return values


def lower_fcos(network: Any, dtype: torch.dtype) -> None:  # noqa: ANN401 - torchvision is untyped
    """Stores the weights of torchvision's FCOS in a lower precision, in place."""
    _lower(network, "backbone", dtype, dtype)
    _lower(network, "head", dtype, torch.float32)
    network.anchor_generator = ExactAnchors(network.anchor_generator)


def lower_mask_rcnn(network: Any, dtype: torch.dtype) -> None:  # noqa: ANN401
    """Stores the weights of torchvision's Mask R-CNN in a lower precision, in place."""
    _lower(network, "backbone", dtype, dtype)
    _lower(network.rpn, "head", dtype, torch.float32)
    network.rpn.anchor_generator = ExactAnchors(network.rpn.anchor_generator)
    heads = network.roi_heads
    for name in ("box", "mask"):
        _lower(heads, f"{name}_roi_pool", torch.float32, dtype)  # it has no bfloat16
        _lower(heads, f"{name}_head", dtype, dtype)
        _lower(heads, f"{name}_predictor", dtype, torch.float32)


def _lower(owner: Any, name: str, inputs: torch.dtype, outputs: torch.dtype) -> None:  # noqa: ANN401
    """Weights in the precision of the inputs."""
    setattr(owner, name, Cast(getattr(owner, name).to(inputs), inputs, outputs))
