"""Fills a network from weights of others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sgnet.checkpoints.weights.load_report import LoadReport
from sgnet.checkpoints.weights.stored_weights import StoredWeights, find_weights
from sgnet.data.annotations.category_names import matching_categories
from sgnet.models import SGNet

CLASS_LAYER = ("detection_head.class_logits.weight", "detection_head.class_logits.bias")


def load_initial_weights(
    model: SGNet,
    source: str,
    categories: Sequence[str] = (),
    location_offset: float | None = None,
) -> LoadReport:
    """Starts a network from other weights.

    The class layer is filled row by row, by the names of the categories; rows without a counterpart
    keep their initial values. The network takes the location offset that the weights were trained
    with, or boxes would be moved by half a stride.

    Args:
        model: changed in place.
        source: `imagenet`: the backbone only (for ResNets torchvision's IMAGENET1K_V1; any other
            name of its weight enum does as well); `coco_fcos`: backbone, pyramid and detection head
            of torchvision's `fcos_resnet50_fpn`; or a file: a checkpoint of ours, whose weights are
            taken where name and shape agree, or the state of one of the others, as safetensors or
            of `torch.save`.
        categories: names by class index; without them the class layer is taken where it fits.
        location_offset: that was asked for; None takes any.

    Returns:
        What was loaded.

    Raises:
        ValueError: there are no such weights, they do not fit, or were trained with another
            location offset than asked for.
    """
    stored = find_weights(model, source)
    if None not in (stored.location_offset, location_offset) and (
        stored.location_offset != location_offset
    ):
        raise ValueError(
            f"model.weights={source} needs model.location_offset={stored.location_offset:g}, which "
            f"its weights were trained with, got {location_offset:g}; leave it null"
        )
    report = _fill(model, stored, categories)
    if stored.location_offset is not None:
        model.location_offset = stored.location_offset
    return report


def _fill(model: SGNet, stored: StoredWeights, categories: Sequence[str]) -> LoadReport:
    own: dict[str, Tensor] = model.state_dict()
    fitting: dict[str, Tensor] = {}
    skipped = dict(stored.unused)
    rows = _class_rows(own, stored, categories)
    for name, value in stored.tensors.items():
        if name in CLASS_LAYER and rows:
            continue
        if name in CLASS_LAYER and categories:  # rows are never taken by place
            skipped[name] = (
                "no class layer of this width here" if stored.categories else "rows without names"
            )
            continue
        if name not in own:
            skipped[name] = "no such part here"
        elif own[name].shape != value.shape:
            skipped[name] = "another shape here"
        else:
            fitting[name] = value
    taken = _with_rows(own, stored, rows)
    lacking = [
        name
        for name in own
        if name.startswith(stored.must_cover or "-")
        and name not in fitting
        and not name.endswith("num_batches_tracked")
    ]
    if lacking or not (fitting or taken):
        first = f", first {lacking[0]!r}" if lacking else ""
        raise ValueError(
            f"model.weights: {stored.source} does not fit the network: {len(lacking)} tensors are "
            f"missing or of another shape{first}"
        )
    model.load_state_dict({**fitting, **taken}, strict=False)
    return LoadReport(
        source=stored.source,
        sizes={name: value.numel() for name, value in own.items()},
        loaded=tuple(name for name in own if name in fitting or name in taken),
        skipped=skipped,
        class_rows={
            name: None if row is None else stored.categories[row]
            for name, row in zip(categories, rows, strict=False)
        },
        location_offset=stored.location_offset,
    )


def _class_rows(
    own: dict[str, Tensor], stored: StoredWeights, categories: Sequence[str]
) -> list[int | None]:
    """The source's row of each category; [] where its class layer is not taken by name."""
    if not stored.categories or not categories:
        return []
    for name in CLASS_LAYER:
        if name not in stored.tensors or stored.tensors[name].shape[1:] != own[name].shape[1:]:
            return []
    return matching_categories(categories, stored.categories)


def _with_rows(
    own: dict[str, Tensor], stored: StoredWeights, rows: Sequence[int | None]
) -> dict[str, Tensor]:
    """The class layer with the rows of the source in their new places."""
    filled = [(new, old) for new, old in enumerate(rows) if old is not None]
    if not filled:
        return {}
    to, of = (torch.tensor(side) for side in zip(*filled, strict=True))
    return {
        name: own[name].index_copy(0, to, stored.tensors[name][of].to(own[name].dtype))
        for name in CLASS_LAYER
    }
