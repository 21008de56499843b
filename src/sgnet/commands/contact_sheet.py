"""A picture of some videos of a data set: raw frames beside their annotations.

sgnet contact-sheet data=shapes_small output=docs/shapes_small.jpg
sgnet contact-sheet data=base data.root=FOLDER output=sheet.jpg skip=20
"""

from __future__ import annotations

from hydra.utils import instantiate
from omegaconf import DictConfig

from sgnet.data.annotations.youtube_vis import find_split
from sgnet.data_check.preview import contact_sheet
from sgnet.files.atomic_file import require_writable_file
from sgnet.files.outputs import check_outputs
from sgnet.visualization.pictures import is_marked, write_image


def run(cfg: DictConfig) -> None:
    """Generates or converts the data where needed and writes the picture."""
    require_writable_file(cfg.output)
    data = instantiate(cfg.data, _convert_="all")
    data.prepare_split(cfg.split)
    check_outputs([cfg.output], [find_split(data.root, cfg.split)[0]], is_marked)
    sheet = contact_sheet(data.root, cfg.split, cfg.rows, cfg.columns, cfg.skip)
    write_image(sheet, cfg.output)
