"""A checkpoint to results.json, its zip for a submission and, where annotations exist, the score.

sgnet evaluate checkpoint=runs/demo/checkpoints/best.ckpt data=shapes_small
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig

from sgnet.checkpoints.loading import load_checkpoint
from sgnet.commands.settings import given
from sgnet.data.annotations.coco_stills import load_videos_or_stills
from sgnet.data.annotations.youtube_vis import YouTubeVIS, find_split
from sgnet.data.clips.frames import check_frames, read_frame
from sgnet.data.loading.datamodule import YouTubeVISDataModule
from sgnet.evaluation.average_precision import evaluate, format_table
from sgnet.evaluation.results import save_results, zip_results
from sgnet.files.atomic_file import (
    require_makeable,
    require_writable,
    require_writable_file,
    write_json,
)
from sgnet.files.earlier_files import nothing_earlier
from sgnet.files.outputs import keep_inputs
from sgnet.files.path_names import checked_name
from sgnet.inference.devices import torch_device
from sgnet.inference.split_tracking import SplitTracking, in_chunks, streamed
from sgnet.inference.video_predictor import Speed, is_exported, open_predictor
from sgnet.records import ResultTrack, Video
from sgnet.structures import Category
from sgnet.visualization.report_pictures import TrackPictures, write_track_pictures
from sgnet.visualization.video_file import require_mp4

FILES = ("results.json", "results.zip", "metrics.json", "tracks.png", "tracks.mp4")


def run(cfg: DictConfig) -> None:
    """Evaluates and shows the table."""
    sys.stdout.write(evaluate_checkpoint(cfg) + "\n")


def evaluate_checkpoint(cfg: DictConfig) -> str:
    """Runs a checkpoint over a data set and writes results and figures.

    Writes `results.json`, `results.zip` and, where the split has annotations, `metrics.json`. What
    an earlier evaluation left there and this one does not write is removed.

    Args:
        cfg: conf/scripts/evaluate.yaml composed.

    Returns:
        The table of figures and where the files are.

    Raises:
        ValueError: a setting, the checkpoint or the data set is wrong.
        OSError: a file cannot be written; those that can are.
    """
    device = torch_device(cfg.device)  # refused before data are made
    output = _output_folder(cfg)
    require_makeable(output)
    data: YouTubeVISDataModule = instantiate(cfg.data, _convert_="all")
    data.prepare_split(cfg.split)
    path, images = find_split(data.root, cfg.split)
    truth = load_videos_or_stills(path)
    videos = data.scored_videos(cfg.split)
    track_split, categories, input_size = _split_tracking(cfg, data, device)
    written = [output / name for name in ("results.json", "results.zip", "metrics.json")]
    keep_inputs(written, [path, cfg.checkpoint])
    # all that can be known beforehand stops the work before it starts
    _require_outputs(output, bool(cfg.pictures))
    check_frames(videos, images)
    classes = category_ids(categories, truth.categories)
    started = time.perf_counter()
    tracks = track_split(videos, images, classes)
    seconds = time.perf_counter() - started
    frames = sum(video.length for video in videos)
    summary = f"{frames} frames, {len(videos)} videos, {frames / seconds:.1f} frames/s -> {output}"
    with nothing_earlier([output / name for name in FILES]):
        try:
            save_results(tracks, output / "results.json")
            zip_results(output / "results.json", output / "results.zip")
        except OSError:
            _score(truth, videos, tracks, output)  # a disk too full may have room for the figures
            raise
        table = _score(truth, videos, tracks, output)
        if cfg.pictures:
            pictures = TrackPictures(
                lambda name: read_frame(images / name),
                {category.id: category.name for category in truth.categories},
                cfg.min_score,
                input_size,
            )
            write_track_pictures(pictures, videos[: cfg.pictures], tracks, output)
    return f"{summary} (no annotations, no score)" if table is None else f"{table}\n{summary}"


def _require_outputs(folder: Path, pictures: bool) -> None:
    """Tries the files that are going to be written."""
    require_writable(folder)
    for name in FILES:
        require_writable_file(folder / name)
    if pictures:
        require_mp4(folder)


def _score(
    truth: YouTubeVIS, videos: Sequence[Video], tracks: Sequence[ResultTrack], folder: Path
) -> str | None:
    """Writes the figures and returns them as a table; None without annotations."""
    if not truth.has_annotations:
        return None
    wanted = {video.id for video in videos}
    annotated = [track for track in truth.tracks() if track.video_id in wanted]
    metrics = evaluate(videos, truth.categories, annotated, tracks)
    write_json(metrics.as_json(), folder / "metrics.json")
    return format_table(metrics, truth.categories)


def _split_tracking(
    cfg: DictConfig, data: YouTubeVISDataModule, device: torch.device
) -> tuple[SplitTracking, tuple[Category, ...], tuple[int, int]]:
    """How the split's videos are tracked, the network's categories and its input size."""
    decoder, tracker = given(cfg.decoder), given(cfg.tracker)
    if cfg.speed is None and not is_exported(cfg.checkpoint):
        loaded = load_checkpoint(cfg.checkpoint, decoder, tracker, cfg.weights)
        tracking = in_chunks(loaded, device, data.frames_per_chunk, data.num_workers)
        return tracking, loaded.categories, loaded.input_size
    speed: Speed = cfg.speed or "exact"
    options = (speed, cfg.compiled, decoder, tracker, cfg.fill_up, cfg.weights)
    predictor = open_predictor(cfg.checkpoint, cfg.device, *options)
    return streamed(predictor), predictor.classes, predictor.input_size


def _output_folder(cfg: DictConfig) -> Path:
    """The folder `output`, else one of the split's name beside the checkpoint's folder."""
    if cfg.output is not None:
        return Path(str(cfg.output))
    split = checked_name(cfg.split, "split")
    return Path(cfg.checkpoint).parent.parent / "evaluation" / split


def category_ids(own: Sequence[Category], declared: Sequence[Category]) -> list[int]:
    """Id in a data set of each class of a checkpoint, by name.

    Raises:
        ValueError: the data set lacks one of the names, or has it twice.
    """
    names = [category.name for category in declared]
    twice = sorted({category.name for category in own if names.count(category.name) > 1})
    if twice:
        raise ValueError(f"categories of the data set must have names of their own, got {twice}")
    by_name = {category.name: category.id for category in declared}
    missing = [category.name for category in own if category.name not in by_name]
    if missing:
        raise ValueError(
            f"categories of the data set must hold the checkpoint's {missing}, "
            f"got {sorted(by_name)}"
        )
    return [by_name[category.name] for category in own]
