"""A checkpoint and a video to an overlay video, a results file and a table of tracks.

sgnet predict checkpoint=runs/demo/checkpoints/last.ckpt source=a.mp4 output=runs/a

Ctrl-C ends early and leaves complete files of the frames so far.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice, takewhile
from threading import Event
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sgnet.inference.result_files import PredictionFiles
from sgnet.inference.sources import open_source, overlapped
from sgnet.inference.streaming import FrameResult
from sgnet.inference.video_predictor import open_predictor

INTERRUPTED = 130  # the shell's status for Ctrl-C


@contextmanager
def noted_interrupt() -> Iterator[Event]:
    """Inside, the first Ctrl-C only sets the event, so that no frame is left half written."""
    noted = Event()

    def note(number: int, frame: object) -> None:
        signal.signal(number, before)  # the second one ends the program
        noted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def until(
    interrupted: Event, stream: Iterator[FrameResult], most: int | None
) -> Iterator[FrameResult]:
    """Results up to a number of them, or up to Ctrl-C."""
    return takewhile(lambda _: not interrupted.is_set(), islice(stream, most))


def run(cfg: DictConfig) -> None:
    """Runs the video.

    Raises:
        SystemExit: 130 behind Ctrl-C.
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
        noted_interrupt() as interrupted,
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
            closing(overlapped(until(interrupted, stream, cfg.max_frames), files.add)) as written,
        ):
            for _ in written:  # to the end, where a failure to write the last ones comes
                rate = files.frames / (time.perf_counter() - started)
                progress.update(task, advance=1, rate=rate)
    seconds = time.perf_counter() - started
    state = "interrupted after" if interrupted.is_set() else "done:"
    sys.stdout.write(
        f"{state} {files.frames} frames, {files.frames / seconds:.1f} frames/s -> {cfg.output}\n"
    )
    if interrupted.is_set():
        raise SystemExit(INTERRUPTED)
