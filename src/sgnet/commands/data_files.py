"""The annotation file and the image folder that a command's settings name."""

from __future__ import annotations

from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from sgnet.data.annotations.split_folder import images_beside
from sgnet.data.annotations.youtube_vis import find_split
from sgnet.files.atomic_file import require_writable


def annotation_files(cfg: DictConfig) -> tuple[Path, Path | None]:
    """The files of `annotations` and `images`, or of `split` of the data set `data`.

    Args:
        cfg: with these four; without `images` the folder is looked for beside the annotations, and
            without `split` the training split is taken.

    Returns:
        Annotation file, image folder; None where there is none.

    Raises:
        ValueError: neither `annotations` nor `data` is given, or both.
        FileNotFoundError: the data set has no such split.
    """
    chosen = cfg.get("data")  # no key where no data set is chosen
    if (cfg.annotations is None) == (chosen is None):
        raise ValueError("expected annotations=FILE or data=NAME, one of them")
    if chosen is None:
        annotations = Path(str(cfg.annotations))
        return annotations, images_beside(annotations) if cfg.images is None else Path(cfg.images)
    if cfg.images is not None:
        raise ValueError("images goes with annotations=FILE; data=NAME has its own")
    data = instantiate(chosen, _convert_="all")
    split = str(cfg.split or data.train_split)
    data.prepare_split(split)
    return find_split(data.root, split)


def output_folder(cfg: DictConfig) -> Path:
    """The folder `output`, made and tried before any work.

    Raises:
        OSError: it cannot be written.
    """
    folder = Path(str(cfg.output))
    require_writable(folder)
    return folder
