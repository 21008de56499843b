"""A picture of some videos of a data set: raw frames beside their annotations.

sgnet contact-sheet data=shapes_small output=docs/shapes_small.jpg
sgnet contact-sheet data=base data.root=FOLDER output=sheet.jpg skip=20
"""

from __future__ import annotations

from hydra.utils import instantiate
from omegaconf import DictConfig

from sgnet.data_check.preview import contact_sheet
from sgnet.visualization.pictures import write_image


def run(cfg: DictConfig) -> None:
    """Generates or converts the data where needed and writes the picture."""
    data = instantiate(cfg.data, _convert_="all")
    data.prepare_split(cfg.split)
    sheet = contact_sheet(data.root, cfg.split, cfg.rows, cfg.columns, cfg.skip)
    write_image(sheet, cfg.output)
