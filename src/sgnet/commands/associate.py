"""Trackers tried on the same detections: what each makes of them, and between which bounds.

    sgnet associate -m checkpoint=runs/demo/checkpoints/last.ckpt tracker=movement,iou,kalman,byte
    sgnet associate -m detections=FILE annotations=FILE tracker=iou,kalman,byte
    sgnet associate checkpoint=FILE tracker=kalman tracker.velocity_noise=0.05

The network runs once; then a tracker takes seconds. `detections` is a results file of anyone's,
whose masks lose their identities. `perfect association` are the figures if what finds an object had
its identity, `perfect detections` those of the tracker on the annotated objects.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from sgnet.commands.tune_tracker import annotations_of_file, detected_split
from sgnet.data.annotations.youtube_vis import YouTubeVIS
from sgnet.evaluation.results import load_results
from sgnet.files.atomic_file import require_writable_file, write_json
from sgnet.files.checked_json import read_json, top_level_object
from sgnet.files.checked_values import require_number
from sgnet.files.outputs import check_outputs
from sgnet.inference.association import Truth, association_figures, frames_of_results
from sgnet.inference.detection_cache import CachedVideo
from sgnet.inference.devices import torch_device
from sgnet.records import Video

ROWS = {
    "tracker": "",
    "perfect_association": "  perfect association",
    "perfect_detections": "  perfect detections",
}
COLUMNS = {  # titles, and what figures are multiplied by
    "AP": ("AP", 100),
    "AP50": ("AP50", 100),
    "HOTA": ("HOTA", 100),
    "AssA": ("AssA", 100),
    "IDF1": ("IDF1", 100),
    "id_switches": ("switches", 1),
    "fragmentations": ("fragm.", 1),
    "milliseconds": ("ms", 1),
}
WIDTH = 24


def run(cfg: DictConfig) -> float:
    """One tracker: shows and writes its figures.

    Returns:
        HOTA, for sweepers.

    Raises:
        ValueError: a threshold below that of the kept detections, or a file is wrong.
    """
    torch_device(cfg.device)  # refused before anything is read
    require_number("score_threshold", cfg.score_threshold, 0, 1)  # of the tracker's file
    output = None if cfg.output is None else Path(cfg.output)
    if output is not None:
        inputs = [Path(path) for path in (cfg.detections, cfg.annotations) if path is not None]
        check_outputs([output], inputs, _is_table)
        require_writable_file(output)
    truth, detected, own_ids = _detected(cfg)
    tracker = instantiate(cfg.tracker, _convert_="all")
    figures = association_figures(truth, detected, tracker, own_ids, cfg.score_threshold)
    name = _name()
    if output is not None:
        settings = {
            "tracker": OmegaConf.to_container(cfg.tracker, resolve=True),
            "score_threshold": cfg.score_threshold,
        }
        rows = top_level_object(output).fields if output.exists() else {}
        write_json({**rows, name: {"settings": settings, "figures": figures}}, output)
    sys.stdout.write(table(name, figures, head=_is_first()))
    return figures["tracker"]["HOTA"]


def _detected(cfg: DictConfig) -> tuple[Truth, Sequence[CachedVideo], Sequence[int]]:
    """What is true, what was detected, and the category id of each class index."""
    if (cfg.checkpoint is None) == (cfg.detections is None):
        raise ValueError("checkpoint=FILE or detections=FILE must be given, and not both")
    if cfg.detections is not None:
        if cfg.annotations is None:
            raise ValueError("annotations=FILE must be given with detections")
        file = annotations_of_file(Path(cfg.annotations))
        results = load_results(cfg.detections, file.videos, file.categories)
        own_ids = [category.id for category in file.categories]
        return _truth(file, file.videos), frames_of_results(file.videos, results, own_ids), own_ids
    split = detected_split(cfg)
    return _truth(split.annotations, split.videos), split.detected, split.category_ids


def _truth(file: YouTubeVIS, videos: Sequence[Video]) -> Truth:
    wanted = {video.id for video in videos}
    tracks = [track for track in file.tracks() if track.video_id in wanted]
    return Truth(videos, file.categories, tracks)


def _name() -> str:
    """The tracker's and what was set of it."""
    hydra = HydraConfig.get()
    own = (text.lstrip("+") for text in hydra.overrides.task)
    settings = [text.removeprefix("tracker.") for text in own if text.startswith("tracker.")]
    return " ".join([str(hydra.runtime.choices["tracker"]), *settings])


def _is_first() -> bool:
    hydra = HydraConfig.get()
    return hydra.mode != RunMode.MULTIRUN or hydra.job.num == 0


def _is_table(path: Path) -> bool:
    """Whether a file is an earlier output."""
    try:
        content = read_json(path)
    except ValueError:
        return False
    return isinstance(content, dict) and all(
        isinstance(row, dict) and set(row) == {"settings", "figures"} for row in content.values()
    )


def table(name: str, figures: Mapping[str, Mapping[str, float]], head: bool) -> str:
    """The lines of a tracker, shares in per cent.

    Args:
        name: of the tracker.
        figures: see `association_figures`.
        head: with the line of titles.
    """
    lines = []
    if head:
        titles = "".join(f"{title:>9}" for title, _ in COLUMNS.values())
        lines.append(f"{'':<{WIDTH}}{titles}")
    for key, title in ROWS.items():
        cells = "".join(f"{_cell(figures[key], column):>9}" for column in COLUMNS)
        lines.append(f"{title or name:<{WIDTH}}{cells}")
    return "\n".join(lines) + "\n"


def _cell(row: Mapping[str, Any], column: str) -> str:
    if column not in row:
        return ""
    value = row[column]
    if column == "milliseconds":
        return f"{value:.2f}"
    return str(value) if COLUMNS[column][1] == 1 else f"{100 * value:.1f}"
