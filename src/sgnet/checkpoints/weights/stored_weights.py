"""Weights of other networks under our names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor
from torchvision.models import WeightsEnum, get_model_weights
from torchvision.models.detection import FCOS_ResNet50_FPN_Weights

from sgnet.checkpoints.description import categories_of
from sgnet.checkpoints.loading import CHECKPOINT_KEY, STATE, description_of, stored_offset
from sgnet.checkpoints.tensor_files import require_sound_tensors
from sgnet.checkpoints.weights.pretrained import our_fcos_names
from sgnet.checkpoints.weights.timm_weights import imagenet_state, pyramid_state
from sgnet.checkpoints.weights.weight_files import read_weights
from sgnet.models import ResNetFPN, SGNet, TimmFPN
from sgnet.models.sgnet import LOCATION_OFFSET

IMAGENET, COCO_FCOS = "imagenet", "coco_fcos"
CLASS_BIAS = "detection_head.class_logits.bias"
PAPERS_TIME = "IMAGENET1K_V1"  # torchvision's first weights, as the paper had


@dataclass(frozen=True)
class StoredWeights:
    """Tensors of a source.

    Attributes:
        source: for people.
        tensors: under the names of our network.
        unused: names that have no place with us, and why.
        categories: of the class layer, row by row; empty where there is none.
        location_offset: that they were trained with, None where they know none.
        must_cover: prefixes of our names that have to be whole.
    """

    source: str
    tensors: dict[str, Tensor]
    unused: dict[str, str]
    categories: tuple[str, ...] = ()
    location_offset: float | None = None
    must_cover: tuple[str, ...] = ()


def find_weights(model: SGNet, source: str) -> StoredWeights:
    """Reads the weights that a setting names.

    Args:
        model: that they are for.
        source: `imagenet` or a name of torchvision's weight enum, `coco_fcos`, or a file.

    Raises:
        ValueError: there are no such weights, they cannot be had, or are not for such a network.
    """
    if source == COCO_FCOS:
        enum = FCOS_ResNet50_FPN_Weights.COCO_V1
        return _of_fcos(model, _fetched(enum, source), source)
    backbone = model.backbone
    if isinstance(backbone, TimmFPN) and source == IMAGENET:
        return _of_backbone(backbone, imagenet_state(backbone), source)
    if isinstance(backbone, ResNetFPN):
        enum = get_model_weights(f"resnet{backbone.depth}")
        name = PAPERS_TIME if source == IMAGENET else source
        if name in enum.__members__:
            return _of_backbone(backbone, _fetched(enum[name], source), f"{source} ({name})")
    if not Path(source).is_file():
        raise ValueError(
            f"model.weights: expected null, {IMAGENET}, {COCO_FCOS}, a name of torchvision's "
            f"weight enum or a file, got {source!r}"
        )
    return _of_file(model, read_weights(Path(source)), source)


def _of_file(model: SGNet, content: dict[str, Any], source: str) -> StoredWeights:
    if CHECKPOINT_KEY in content and STATE in content:
        return _of_checkpoint(content, source)
    entry = next((name for name in (STATE, "model") if name in content), "")
    tensors = _sound(source, entry, content.get(entry, content))
    if any(name.startswith("head.classification_head.") for name in tensors):
        return _of_fcos(model, tensors, source)
    if isinstance(model.backbone, TimmFPN):
        return _of_backbone(model.backbone, pyramid_state(model.backbone, dict(tensors)), source)
    if "layer1.0.conv1.weight" in tensors:
        return _of_backbone(model.backbone, dict(tensors), source)
    own = {name.removeprefix("model."): value for name, value in tensors.items()}
    return StoredWeights(source, own, {})


def _of_checkpoint(content: dict[str, Any], source: str) -> StoredWeights:
    """A checkpoint of ours; of its description only what is taken from it must be right."""
    entry = description_of(content, f"model.weights: {source}")
    offset = stored_offset(entry)
    state = _sound(source, STATE, content[STATE]).items()
    weights = {name.removeprefix("model."): v for name, v in state if name.startswith("model.")}
    rows = weights.get(CLASS_BIAS)
    classes = None if rows is None or rows.ndim != 1 else rows.shape[0]
    return StoredWeights(
        source,
        weights,
        {},
        tuple(category.name for category in categories_of(entry, classes)),
        LOCATION_OFFSET if offset is None else offset,
    )


def _sound(source: str, entry: str, tensors: object) -> dict[str, Tensor]:
    return require_sound_tensors(f"model.weights: {source}", entry, tensors)


def _of_fcos(model: SGNet, state: Mapping[str, Tensor], source: str) -> StoredWeights:
    """Of torchvision's `fcos_resnet50_fpn`, trained with locations at corners of cells."""
    tensors = our_fcos_names(model, _sound(source, "", state))
    names = FCOS_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
    rows = tensors["detection_head.class_logits.bias"].shape[0]
    categories = tuple(names) if rows == len(names) else ()
    return StoredWeights(source, tensors, {}, categories, 0.0)


def _of_backbone(
    backbone: ResNetFPN | TimmFPN, state: Mapping[str, Tensor], source: str
) -> StoredWeights:
    """A classifier of ImageNet; its last layers have no place."""
    if isinstance(backbone, ResNetFPN) and backbone.norm == "group":
        raise ValueError(
            f"model.weights={source} hold batch norm; expected model.backbone.norm=frozen_batch or "
            "batch, got 'group'"
        )
    state = _sound(source, "", state)
    prefix = "backbone.pyramid.body." if isinstance(backbone, ResNetFPN) else "backbone.body."
    own = backbone.state_dict()
    tensors, unused = {}, {}
    for name, value in state.items():
        if (prefix + name).removeprefix("backbone.") in own:
            tensors[prefix + name] = value
        elif not name.endswith(".num_batches_tracked"):
            unused[name] = "of the classifier"
    return StoredWeights(source, tensors, unused, must_cover=(prefix,))


def _fetched(enum: WeightsEnum, source: str) -> Mapping[str, Tensor]:
    """Downloaded on first use."""
    url = str(enum.url)
    place = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    if place.is_file():
        return read_weights(place)
    try:
        state: Mapping[str, Tensor] = enum.get_state_dict(progress=False, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise ValueError(
            f"model.weights={source}: {url} cannot be fetched ({error}); put the file at {place}, "
            "or name it: model.weights=FILE"
        ) from error
    return state
