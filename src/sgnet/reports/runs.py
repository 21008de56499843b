"""Run folders of train.py, read back."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

FIGURES = ("AP", "AP50", "AP75", "AR1", "AR10")
# what tells runs of one setting apart, or only says where they lie and how they were started
METHOD = ("model", "criterion", "inference")  # overrides of these make it another than the paper's
NOT_A_SETTING = ("seed", "resume", "paths.", "hydra.", "logger", "callbacks.progress")
HYDRA_OVERRIDES = ".hydra/overrides.yaml"  # of the last command in the folder
OVERRIDES_FILE = "overrides.yaml"  # the same of the run that began
SPEED_FILE = "speed.json"  # of scripts/time_runs.py: rows timed in turn, in place of each alone
DIAGNOSIS_FILE = "diagnosis.json"  # of scripts/diagnose.py with output= and rows= these names
OBJECTS_FILE = "objects.csv"
DIAGNOSED = (
    *("mask_iou", "mask_iou_own_minus_other", "contested_mask_iou", "contested_others_claimed"),
    *("class_right", "movement_error"),
)
DIAGNOSED_LATER = ("contested_own_kept", "contested_told_apart")  # earlier diagnoses lack them
FAILURE_FILE = "failure.txt"  # its first line says why a run ended


@dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes:
        folder: of the run.
        setting: its overrides without seed and places, in the order of the command line.
        seed: of the run; None where the folder has no config.
        figures: by name, shares of 1; {} for a run that did not end.
        curve: (step, AP) of each validation.
        paper_ap: the paper's AP in percent, where the config names one and is taken as it is.
        label: what the paper's row is, under the same condition.
        problem: why there are no figures; None where there are.
        is_timed: its ms_per_frame was taken in turn with the other rows.
        objects: figures of single objects, see `sgnet.evaluation.object_rows`; None without them.
    """

    folder: Path
    setting: tuple[str, ...]
    seed: int | None
    figures: dict[str, float]
    curve: tuple[tuple[int, float], ...]
    paper_ap: float | None
    label: str | None
    problem: str | None
    is_timed: bool = False
    objects: Path | None = None


def find_all_runs(folders: str | Sequence[str]) -> list[Run]:
    """The runs of one folder or of several, see `find_runs`.

    Raises:
        ValueError: no such folder, or no run in one.
    """
    names = [folders] if isinstance(folders, str) else folders
    return [run for name in names for run in find_runs(Path(name))]


def find_runs(folder: Path) -> list[Run]:
    """All runs in a folder and those below it, by path.

    Raises:
        ValueError: no such folder, or none in it.
    """
    if not folder.is_dir():
        raise ValueError(f"runs: folder {folder} not found")
    starts = {path.parent.parent for path in folder.rglob(HYDRA_OVERRIDES)}
    if not starts:
        raise ValueError(f"runs: expected folders of train.py in {folder}, found none")
    return [read_run(path) for path in sorted(starts)]


def read_run(folder: Path) -> Run:
    """One run folder, also of a run that failed."""
    overrides = _yaml(folder / OVERRIDES_FILE) or _yaml(folder / HYDRA_OVERRIDES) or []
    config = read_config(folder / "config.yaml") if (folder / "config.yaml").is_file() else None
    summary = _json(folder / "summary.json")
    altered = any(override.lstrip("+~").startswith(METHOD) for override in overrides)
    paper = {} if config is None or altered else config.get("paper") or {}
    figures: dict[str, float] = {}
    problem: str | None = None
    timed = _json(folder / SPEED_FILE)
    reason = failure(folder)
    if reason is not None:
        problem = f"failed: {reason}"
    elif config is None:
        problem = "ended before training began"
    elif summary is None:
        problem = "did not end"
    else:
        figures = {n.removeprefix("val/"): v for n, v in summary.items() if n.startswith("val/")}
        if "parameters_m" in summary:
            figures["parameters_m"] = summary["parameters_m"]
        if timed is not None:
            figures["ms_per_frame"] = timed["ms_per_frame"]
        figures |= _diagnosed(folder)
        if "AP" not in figures:
            problem = "was not validated"
    return Run(
        folder=folder,
        setting=tuple(o for o in overrides if not o.lstrip("+~").startswith(NOT_A_SETTING)),
        seed=None if config is None else config.get("seed"),
        figures=figures,
        curve=_curve(folder),
        paper_ap=paper.get("AP"),
        label=paper.get("row"),
        problem=problem,
        is_timed=timed is not None,
        objects=folder / OBJECTS_FILE if (folder / OBJECTS_FILE).is_file() else None,
    )


def _diagnosed(folder: Path) -> dict[str, float]:
    """Figures of single objects, and the ceiling that the masks' resolution sets to their IoU.

    Raises:
        ValueError: the file is none of `diagnose`.
    """
    path = folder / DIAGNOSIS_FILE
    if not path.is_file():
        return {}
    diagnosis = _json(path)
    names = {name: name for name in DIAGNOSED}
    try:
        names["mask_iou_ceiling"] = f"ceiling_stride_{diagnosis['mask_stride']}"
        names |= {name: name for name in DIAGNOSED_LATER if name in diagnosis["figures"]}
        means = {name: diagnosis["figures"][source]["mean"] for name, source in names.items()}
        means["id_switches"] = diagnosis["id_switches"]
        return {name: float(mean) for name, mean in means.items() if mean is not None}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: expected the figures that sgnet diagnose writes (output=), got another file"
        ) from error


def failure(folder: Path) -> str | None:
    """Why a run ended, in a line; None where it did not write that down."""
    try:
        return (folder / FAILURE_FILE).read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        return None


def _curve(folder: Path) -> tuple[tuple[int, float], ...]:
    logs = [*sorted(folder.glob("metrics.before-*.csv")), folder / "metrics.csv"]
    points = []
    for log in logs:
        if log.is_file():
            with log.open(newline="", encoding="utf-8-sig") as file:
                rows = [row for row in csv.DictReader(file) if row.get("val/AP")]
            points += [(int(row["step"]), float(row["val/AP"])) for row in rows]
    return tuple(points)


def read_config(path: Path) -> dict[str, Any]:
    """The config of a run as plain values; nothing that it names is looked up or called.

    Args:
        path: a `config.yaml`.

    Raises:
        ValueError: it cannot be read, or is no mapping of settings.
    """
    content = _yaml(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected the settings of a run, got {type(content).__name__}")
    return content


def _yaml(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    if not path.is_file():
        return None
    try:
        return OmegaConf.to_container(OmegaConf.load(path))
    except (OSError, UnicodeDecodeError, YAMLError, OmegaConfBaseException) as error:
        raise ValueError(f"{path}: cannot be read as YAML: {error}") from error


def _json(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
