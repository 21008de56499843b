"""A checkpoint and a video to an overlay video, a results file and a table of tracks.

sgnet predict checkpoint=runs/demo/checkpoints/last.ckpt source=a.mp4 output=runs/a

Ctrl-C, SIGTERM and SIGHUP end early and leave complete files of the frames so far.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sgnet.commands.signals import Told, noted
from sgnet.inference.result_files import PredictionFiles
from sgnet.inference.sources import open_source, overlapped
from sgnet.inference.streaming import FrameResult
from sgnet.inference.video_predictor import open_predictor


def until(told: Told, stream: Iterator[FrameResult], most: int | None) -> Iterator[FrameResult]:
    """Results up to a number of them, or up to the one in work when a signal comes."""
    for result in islice(stream, most):
        yield result
        if told.number is not None:
            return


def run(cfg: DictConfig) -> None:
    """Runs the video.

    Raises:
        SystemExit: behind a signal; see `Told.status`.
    """
    settings: dict[str, Any] = {
        name: OmegaConf.to_container(cfg[name], resolve=True) for name in ("decoder", "tracker")
    }
    predictor = open_predictor(
        cfg.checkpoint, cfg.device, cfg.speed, cfg.compiled, fill_up=cfg.fill_up, **settings
    )
    source = open_source(cfg.source)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f} frames/s"),
        TimeRemainingColumn(),
    )
    started = time.perf_counter()
    with (
        noted() as told,
        PredictionFiles(
            cfg.output,
            predictor.classes,
            cfg.video_id,
            source.frames_per_second,
            cfg.min_score,
            cfg.overlay,
        ) as files,
        Progress(*columns, transient=True) as progress,
    ):
        task = progress.add_task("predicting", total=cfg.max_frames or source.length, rate=0.0)
        with (
            closing(predictor.stream(source)) as stream,
            closing(overlapped(until(told, stream, cfg.max_frames), files.add)) as written,
        ):
            for _ in written:  # to the end, where a failure to write the last ones comes
                rate = files.frames / (time.perf_counter() - started)
                progress.update(task, advance=1, rate=rate)
    seconds = time.perf_counter() - started
    state = "done:" if told.number is None else "interrupted after"
    sys.stdout.write(
        f"{state} {files.frames} frames, {files.frames / seconds:.1f} frames/s -> {cfg.output}\n"
    )
    if told.number is not None:
        raise SystemExit(told.status)
