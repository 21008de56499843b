"""Parts annotated videos into training and validation by their names, the same everywhere.

    sgnet split annotations=FILE output=FOLDER
    sgnet split annotations=FILE output=FOLDER rule=hash share=0.1
    sgnet split annotations=FILE output=FOLDER folds=5

`data=base data.root=FOLDER data.val_split=val` then trains on it. The printed hash names the split.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from sgnet.commands.data_files import annotation_files
from sgnet.data.annotations.split_writer import SplitRule, write_splits
from sgnet.files.atomic_file import require_makeable


def run(cfg: DictConfig) -> None:
    """Writes the split and shows its hash.

    Raises:
        ValueError: the settings are wrong, or the file is malformed.
    """
    require_makeable(str(cfg.output))
    annotations, images = annotation_files(cfg)
    if images is None:
        raise ValueError(f"{annotations}: found no images beside it; expected images=FOLDER")
    folds = None if cfg.folds is None else int(cfg.folds)
    rule = SplitRule(str(cfg.rule), float(cfg.share), folds, str(cfg.salt))
    output = Path(str(cfg.output))
    written: dict[str, Any] = write_splits(annotations, images, output, rule)
    for number, part in enumerate(written["parts"]):
        fold = "" if rule.folds is None else f"fold {number}: "
        sys.stdout.write(
            f"{fold}{part['videos']} of {written['videos']} videos to validate on, "
            f"sha256 of their names {part['sha256']}\n"
        )
        if part["one_sided_categories"]:
            ids = ", ".join(str(number) for number in part["one_sided_categories"])
            sys.stdout.write(f"{fold}categories of two or more videos on one side only: {ids}\n")
