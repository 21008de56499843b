"""Networks that start from other weights."""

from __future__ import annotations

import logging
from pathlib import Path

from torchvision.models import get_model_weights

from sgnet.checkpoint import read_tensors
from sgnet.models import SGNet
from sgnet.models.pretrained import load_torchvision_fcos

log = logging.getLogger(__name__)


def load_initial_weights(model: SGNet, source: str) -> None:
    """Starts a network from other weights and logs how much of it they cover.

    Args:
        model: changed in place.
        source: a checkpoint of ours, whose weights are taken where name and shape agree; a file
            with the state of torchvision's `fcos_resnet50_fpn`; or `torchvision_fcos`, which
            downloads its COCO weights.

    Raises:
        ValueError: no such file, or weights of neither kind.
    """
    if source == "torchvision_fcos":
        if model.location_offset != 0:
            raise ValueError(
                "init_weights=torchvision_fcos needs model.location_offset=0, which its weights "
                f"were trained with, got {model.location_offset}"
            )
        left = load_torchvision_fcos(
            model, get_model_weights("fcos_resnet50_fpn").DEFAULT.get_state_dict(progress=True)
        )
        log.info("%s: %d weights left at their initial values", source, len(left))
        return
    if not Path(source).is_file():
        raise ValueError(f"init_weights: expected a file or 'torchvision_fcos', got {source!r}")
    content = read_tensors(Path(source))
    if "state_dict" not in content:
        log.info("%s: %d weights left", source, len(load_torchvision_fcos(model, content)))
        return
    own = model.state_dict()
    stored = {k.removeprefix("model."): v for k, v in content["state_dict"].items()}
    fitting = {k: v for k, v in stored.items() if k in own and own[k].shape == v.shape}
    if not fitting:
        raise ValueError(f"init_weights: {source} holds no weight that fits the model")
    model.load_state_dict(fitting, strict=False)
    log.info("%s: %d of %d weights taken", source, len(fitting), len(own))
