"""A checkpoint and a video to an overlay video, a results file and a table of tracks.

sgnet predict checkpoint=runs/demo/checkpoints/last.ckpt source=a.mp4 output=runs/a

Ctrl-C, SIGTERM and SIGHUP end early and leave complete files of the frames so far.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from omegaconf import DictConfig
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sgnet.commands.score import show_warning
from sgnet.commands.settings import given
from sgnet.commands.signals import Told, noted
from sgnet.files.atomic_file import require_makeable
from sgnet.inference.devices import torch_device
from sgnet.inference.result_files import FILES, PredictionFiles, megabytes
from sgnet.inference.sources import open_source, overlapped
from sgnet.inference.streaming import FrameResult
from sgnet.inference.video_predictor import open_predictor

LARGE_RESULTS = 10_000_000  # bytes that are worth a word


def until(told: Told, stream: Iterator[FrameResult], most: int | None) -> Iterator[FrameResult]:
    """Results up to a number of them, or up to the one in work when a signal comes."""
    for result in islice(stream, most):
        yield result
        if told.number is not None:
            return


def refuse_inputs(output: Path, *inputs: object) -> None:
    """Refuses a folder in which the files that are written would replace what is read.

    Raises:
        ValueError: an input is one of them.
    """
    for path in (output / name for name in FILES):
        if path.exists() and any(_is_file(path, given) for given in inputs):
            raise ValueError(f"{path}: would be replaced and is an input; expected another output")


def _is_file(path: Path, given: object) -> bool:
    return isinstance(given, str) and Path(given).exists() and path.samefile(given)


def _large(size: int) -> str:
    """What there is to say of the size of a results file."""
    return f", results.json {megabytes(size)}" if size >= LARGE_RESULTS else ""


def run(cfg: DictConfig) -> None:
    """Runs the video.

    Raises:
        ValueError: a setting is wrong, or an output would replace an input.
        SystemExit: behind a signal; see `Told.status`.
    """
    warnings.showwarning = show_warning
    torch_device(cfg.device)  # refused before any file is touched
    require_makeable(str(cfg.output))
    settings = {name: given(cfg[name]) for name in ("decoder", "tracker")}
    options = {"fill_up": cfg.fill_up, "weights": cfg.weights, **settings}
    predictor = open_predictor(cfg.checkpoint, cfg.device, cfg.speed, cfg.compiled, **options)
    source = open_source(str(cfg.source), cfg.stream)  # 12 may be a folder
    refuse_inputs(Path(str(cfg.output)), cfg.checkpoint, str(cfg.source))
    most = min((n for n in (cfg.max_frames, source.length) if n is not None), default=None)
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
            most,
        ) as files,
        Progress(*columns, transient=True) as progress,
    ):
        task = progress.add_task("predicting", total=most, rate=0.0)
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
        f"{state} {files.frames} frames, {files.frames / seconds:.1f} frames/s -> {cfg.output}"
        f"{_large(files.results_bytes)}\n"
    )
    if told.number is not None:
        raise SystemExit(told.status)
