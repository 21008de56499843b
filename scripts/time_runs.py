"""Times the rows of a sweep in turn, for reports: what training took down is a busy machine's.

python scripts/time_runs.py runs=runs/table4-shapes_small data=shapes_small
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig
from rich.progress import Progress

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ stands beside scripts/
from benchmarks.timing import time_in_turn
from sgnet.commands.start import start
from sgnet.data.annotations.youtube_vis import find_split
from sgnet.data.clips.frames import read_frame
from sgnet.files.atomic_file import write_json
from sgnet.inference.video_predictor import Speed, open_predictor
from sgnet.reports.runs import SPEED_FILE, find_runs
from sgnet.reports.table import Row, rows_of
from sgnet.training.manifest import hardware

CHECKPOINT = "checkpoints/last.ckpt"


def timed_frames(cfg: DictConfig) -> list[NDArray[np.uint8]]:
    """The first frames of the first validation video."""
    data = instantiate(cfg.data, _convert_="all")
    data.prepare_split(cfg.split)
    images = find_split(data.root, cfg.split)[1]
    video = data.scored_videos(cfg.split)[0]
    return [read_frame(images / name) for name in video.file_names[: cfg.frames]]


def timed_run(row: Row) -> Path | None:
    """The folder of the row's first run with a checkpoint; None where no run left one."""
    folders = [run.folder for run in row.runs]
    return next((path for path in folders if (path / CHECKPOINT).is_file()), None)


def tracking(folder: Path, frames: list[NDArray[np.uint8]], speed: Speed) -> Callable[[], object]:
    """Tracks the frames with a run's checkpoint."""
    predictor = open_predictor(str(folder / CHECKPOINT), speed=speed)
    return lambda: list(predictor.stream(frames, ahead=0))


def run(cfg: DictConfig) -> None:
    """Writes `speed.json` into the folder of one run of each row."""
    rows = {row.setting: row for row in rows_of(find_runs(Path(cfg.runs)))}
    frames = timed_frames(cfg)
    found = {name: timed_run(row) for name, row in rows.items()}
    timed = {name: folder for name, folder in found.items() if folder is not None}
    work = {name: tracking(folder, frames, cfg.speed) for name, folder in timed.items()}
    with Progress() as progress:
        task = progress.add_task("rounds", total=cfg.rounds + 1)
        timings = time_in_turn(
            work, cfg.rounds, warmup=1, after_round=lambda: progress.advance(task)
        )
    for row in rows.values():  # figures of an earlier call would mix with these
        for member in (*row.runs, *row.missing):
            (member.folder / SPEED_FILE).unlink(missing_ok=True)
    for name, timing in timings.items():
        per_frame = {key: value / len(frames) for key, value in timing.figures().items()}
        sys.stdout.write(f"{per_frame['median']:7.1f} ms a frame  {name}\n")
        content = {
            "ms_per_frame": per_frame["median"],
            "quartiles": [per_frame["low"], per_frame["high"]],
            "rounds": cfg.rounds,
            "frames": len(frames),
            "speed": cfg.speed,
            "threads": torch.get_num_threads(),
            "hardware": hardware(),
        }
        write_json(content, timed[name] / SPEED_FILE)


if __name__ == "__main__":
    start("time_runs", run, conf=Path(__file__).parents[1] / "conf")
