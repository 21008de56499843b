"""YouTube-VIS annotations or results to labelling tools and other forms.

sgnet export-tracks to=cvat annotations=GT.json results=RES.json output=out
"""

from __future__ import annotations

import sys
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from sgnet.conversion.youtube_vis import from_annotations, from_results
from sgnet.files.atomic_file import require_makeable


def run(cfg: DictConfig) -> None:
    """Reads the tracks and writes them."""
    require_makeable(str(cfg.output))
    write = instantiate(cfg.to, _convert_="all")
    annotations = Path(str(cfg.annotations))
    if cfg.results is None:
        labelled = from_annotations(annotations)
    else:
        labelled = from_results(annotations, Path(str(cfg.results)), cfg.min_score)
    write(labelled, Path(str(cfg.output)))
    sys.stdout.write(f"{cfg.output}\n")
