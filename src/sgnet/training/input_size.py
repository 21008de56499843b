"""Settings that follow from the network's input size where they are null."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sgnet.ops.input_size import cell_size_of, min_area_of, regression_ranges_of

log = logging.getLogger(__name__)
INPUT_SIZE = "data.transform.size"
FOLLOWING: dict[str, Callable[[Sequence[int]], Any]] = {
    "model.mask_head.cell_size": cell_size_of,
    "criterion.assigner.ranges": regression_ranges_of,
    "data.min_area": min_area_of,
}


def follow_input_size(cfg: DictConfig) -> None:
    """Fills in what is null; numbers that are given stay.

    Checkpoints, manifests and the config of the run's folder then hold the numbers.

    Args:
        cfg: conf/train.yaml composed; changed in place.

    Raises:
        ValueError: the input has no size.
    """
    size = OmegaConf.select(cfg, INPUT_SIZE)
    try:
        found = {name: value(size) for name, value in FOLLOWING.items()}
    except (TypeError, ValueError) as error:
        raise ValueError(f"{INPUT_SIZE} must be [height, width] in pixels, got {size}") from error
    for name, value in found.items():
        group, _, key = name.rpartition(".")
        part = OmegaConf.select(cfg, group)
        if part is not None and key in part and part[key] is None:
            OmegaConf.update(cfg, name, value)
            log.info("%s=%s, for an input of %d x %d", name, value, size[1], size[0])
