"""Looks a whole data set over: what it holds, and everything that is wrong with it.

    sgnet check-data annotations=FILE images=FOLDER output=FOLDER
    sgnet check-data data=shapes_small split=val output=FOLDER

Writes report.md (shown as well), report.json and report.png; `fix=FOLDER` writes a repaired copy.
Exit status 1 where there are errors, 2 for wrong settings.
"""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from sgnet.commands.data_files import annotation_files, output_folder
from sgnet.data.annotations.split_folder import images_beside
from sgnet.data_check import check_data, write_repaired, write_report
from sgnet.data_check.repair import check_repair
from sgnet.data_check.report import check_report
from sgnet.files.atomic_file import require_makeable
from sgnet.files.path_names import checked_name


def run(cfg: DictConfig) -> None:
    """Checks, shows and writes.

    Raises:
        ValueError: the settings are wrong, or nothing is left to repair.
        SystemExit: 1 where there are errors.
    """
    for folder in (cfg.output, cfg.fix):
        if folder is not None:
            require_makeable(str(folder))
    annotations, images = annotation_files(cfg)
    against = _against(cfg)
    inputs = [annotations, *([] if against is None else against[:1])]
    check_report(Path(str(cfg.output)), inputs)
    if cfg.fix is not None:
        checked_name(cfg.fix_split, "fix_split")
        check_repair(Path(str(cfg.fix)), str(cfg.fix_split), inputs, images, bool(cfg.copy_images))
    output = output_folder(cfg)
    check = check_data(annotations, images, int(cfg.workers), against)
    sys.stdout.write(write_report(check, output))
    if cfg.fix is not None:
        fixes = write_repaired(check, Path(str(cfg.fix)), str(cfg.fix_split), bool(cfg.copy_images))
        sys.stdout.write(f"\n{cfg.fix}: repaired copy, {len(fixes)} fixes, all in fixes.json\n")
    if check.findings.count("error"):
        raise SystemExit(1)


def _against(cfg: DictConfig) -> tuple[Path, Path] | None:
    if cfg.against is None:
        return None
    path = Path(str(cfg.against))
    images = images_beside(path) if cfg.against_images is None else Path(str(cfg.against_images))
    if images is None:
        raise ValueError(f"{path}: found no images beside it; expected against_images=FOLDER")
    return path, images
