"""torchvision's COCO-trained FCOS weights in our network."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from sgnet.models.sgnet import SGNet

# torchvision's prefix -> ours
FCOS_PREFIXES = {
    "backbone.": "backbone.pyramid.",
    "head.classification_head.conv.": "detection_head.class_tower.",
    "head.classification_head.cls_logits.": "detection_head.class_logits.",
    "head.regression_head.conv.": "detection_head.box_tower.",
    "head.regression_head.bbox_reg.": "detection_head.box_distances.",
    "head.regression_head.bbox_ctrness.": "detection_head.centerness.",
}
CLASS_LOGITS = "detection_head.class_logits."


def our_fcos_names(model: SGNet, state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a torchvision `fcos_resnet50_fpn` under our names.

    Args:
        model: a network with depth 50 and 256 channels, and any number of classes.
        state_dict: of torchvision's FCOS.

    Raises:
        ValueError: a name that is none of FCOS's, one that is missing, or a shape that does not
            fit.
    """
    own = model.state_dict()
    renamed: dict[str, Tensor] = {}
    for name, tensor in state_dict.items():
        if name.endswith(".num_batches_tracked"):
            continue  # a counter of unfrozen batch norm
        target = _our_name(name)
        if target not in own:
            raise ValueError(f"weight {name!r} has no place in the model (expected {target!r})")
        if own[target].shape != tensor.shape and not target.startswith(CLASS_LOGITS):
            raise ValueError(
                f"weight {name!r} is {tuple(tensor.shape)}, the model expects "
                f"{tuple(own[target].shape)}; use backbone.depth=50 and 256 channels"
            )
        renamed[target] = tensor
    missing = [
        name
        for name in own
        if name.startswith(tuple(FCOS_PREFIXES.values()))
        and name not in renamed
        and not name.endswith(".num_batches_tracked")
    ]
    if missing:
        raise ValueError(f"the state lacks {len(missing)} of FCOS's weights, first {missing[0]!r}")
    return renamed


def load_torchvision_fcos(model: SGNet, state_dict: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Fills backbone, pyramid and detection head from a torchvision `fcos_resnet50_fpn`.

    Those weights were trained with locations at the cells' corners: build the network with
    `location_offset=0`. Where the number of classes differs, the class logits stay as they are.

    Args:
        model: a network with depth 50 and 256 channels; changed in place.
        state_dict: of torchvision's FCOS.

    Returns:
        The names left at their initial values: mask head, tracking head and, where the number of
        classes differs, the class logits.

    Raises:
        ValueError: see `our_fcos_names`.
    """
    own = model.state_dict()
    named = our_fcos_names(model, state_dict).items()
    fitting = {name: value for name, value in named if own[name].shape == value.shape}
    model.load_state_dict(fitting, strict=False)
    return tuple(name for name in own if name not in fitting)


def _our_name(name: str) -> str:
    for prefix, ours in FCOS_PREFIXES.items():
        if name.startswith(prefix):
            return ours + name[len(prefix) :]
    raise ValueError(f"weight {name!r} is not part of torchvision's fcos_resnet50_fpn")
