"""YouTube-VIS annotations or results to labelling tools and other forms.

python scripts/export_tracks.py to=cvat annotations=GT.json results=RES.json output=out
"""

from __future__ import annotations

import sys
from pathlib import Path

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from sgnet.conversion.youtube_vis import from_annotations, from_results
from sgnet.training import exit_on_error


def export_tracks(cfg: DictConfig) -> None:
    """Reads the tracks and writes them."""
    write = instantiate(cfg.to, _convert_="all")
    annotations = Path(str(cfg.annotations))
    if cfg.results is None:
        labelled = from_annotations(annotations)
    else:
        labelled = from_results(annotations, Path(str(cfg.results)), cfg.min_score)
    write(labelled, Path(str(cfg.output)))


@hydra.main(version_base="1.3", config_path="../conf", config_name="export_tracks")
def main(cfg: DictConfig) -> None:
    """Reads the command line."""
    exit_on_error(lambda: export_tracks(cfg))
    sys.stdout.write(f"{cfg.output}\n")


if __name__ == "__main__":
    main()
