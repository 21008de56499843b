"""A picture of some videos of a data set: raw frames beside their annotations.

python scripts/contact_sheet.py data=shapes_small output=docs/shapes_small.jpg
python scripts/contact_sheet.py data=base data.root=FOLDER output=sheet.jpg skip=20
"""

from __future__ import annotations

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from sgnet.data.preview import contact_sheet
from sgnet.training import exit_on_error
from sgnet.visualization.pictures import write_image


def draw(cfg: DictConfig) -> None:
    """Generates or converts the data where needed and writes the picture."""
    data = instantiate(cfg.data, _convert_="all")
    data.prepare_split(cfg.split)
    sheet = contact_sheet(data.root, cfg.split, cfg.rows, cfg.columns, cfg.skip)
    write_image(sheet, cfg.output)


@hydra.main(version_base="1.3", config_path="../conf", config_name="contact_sheet")
def main(cfg: DictConfig) -> None:
    """Reads the command line."""
    exit_on_error(lambda: draw(cfg))


if __name__ == "__main__":
    main()
