"""What a checkpoint does to single objects, and what each of its parts costs in AP.

sgnet diagnose checkpoint=runs/demo/checkpoints/last.ckpt data=shapes_small output=figures.json
sgnet diagnose checkpoint=a.ckpt rows=a.csv
sgnet diagnose checkpoint=b.ckpt compare=a.csv

Mask IoU in true boxes and its ceiling, classes, boxes and movements at the best locations, recall,
ID switches, and the oracle ladder. docs/diagnose.md defines each.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.progress import track as track_progress
from torch.utils.data import DataLoader

from sgnet.checkpoints.loading import LoadedCheckpoint, load_checkpoint
from sgnet.commands.evaluate import category_ids
from sgnet.commands.settings import given
from sgnet.data.annotations.coco_stills import load_videos_or_stills
from sgnet.data.annotations.youtube_vis import YouTubeVIS, find_split
from sgnet.data.clips.frames import check_frames
from sgnet.data.loading.datamodule import YouTubeVISDataModule
from sgnet.evaluation.diagnosis_table import diagnosis_table
from sgnet.evaluation.object_figures import (
    ObjectTable,
    object_figures,
    paired_differences,
    require_same_objects,
)
from sgnet.evaluation.object_rows import is_rows, load_rows, save_rows
from sgnet.evaluation.oracle import oracle_ladder
from sgnet.files.atomic_file import require_writable_file, write_json
from sgnet.files.outputs import check_outputs, has_fields, keep_inputs
from sgnet.inference.devices import torch_device
from sgnet.inference.diagnosis import Diagnosis
from sgnet.inference.frame_truth import object_keys
from sgnet.inference.split_tracking import video_chunks
from sgnet.records import Video
from sgnet.structures import VideoChunk

FIELDS = (  # of an output
    *("checkpoint", "split", "videos", "frames", "mask_stride", "figures", "id_switches"),
    *("oracle_ladder", "compared_with", "differences", "seed"),
)


def run(cfg: DictConfig) -> None:
    """Diagnoses and shows the table."""
    sys.stdout.write(diagnosis_table(diagnose(cfg)) + "\n")


def diagnose(cfg: DictConfig) -> dict[str, Any]:
    """Runs a checkpoint over a data set and writes the figures.

    Args:
        cfg: conf/scripts/diagnose.yaml composed.

    Returns:
        What `output` holds.

    Raises:
        ValueError: a setting, the checkpoint, the data set or the rows to compare with are wrong.
        OSError: a file cannot be written.
    """
    device = torch_device(cfg.device)  # refused before data are made
    _check_outputs(cfg)
    other = None if cfg.compare is None else load_rows(cfg.compare)
    data: YouTubeVISDataModule = instantiate(cfg.data, _convert_="all")
    data.prepare_split(cfg.split)
    path, images = find_split(data.root, cfg.split)
    keep_inputs([file for file in (cfg.output, cfg.rows) if file is not None], [path])
    truth = load_videos_or_stills(path)
    if not truth.has_annotations:
        raise ValueError(f"{path}: annotations must be there to compare with, got none")
    videos = data.scored_videos(cfg.split)
    loaded = load_checkpoint(cfg.checkpoint, given(cfg.decoder), given(cfg.tracker), cfg.weights)
    check_frames(videos, images)
    ids = category_ids(loaded.categories, truth.categories)
    if other is not None:
        _require_comparable(other, truth, videos, ids, cfg.compare)
    chunks = video_chunks(
        videos, images, loaded.input_size, data.frames_per_chunk, data.num_workers
    )
    diagnosis = _diagnosed(chunks, loaded, truth, ids, device, cfg.seed)
    if cfg.rows is not None:
        save_rows(diagnosis.table, cfg.rows)
    report = _report(cfg, diagnosis, truth, videos, ids, other)
    if cfg.output is not None:
        write_json(report, cfg.output)
    return report


def _diagnosed(
    chunks: DataLoader[VideoChunk],
    loaded: LoadedCheckpoint,
    truth: YouTubeVIS,
    ids: Sequence[int],
    device: torch.device,
    seed: int,
) -> Diagnosis:
    """The network over all chunks."""
    model = loaded.model.to(device).to(memory_format=torch.channels_last)
    diagnosis = Diagnosis(model, loaded.decoder, loaded.tracker, truth, ids, seed)
    for chunk in track_progress(chunks, description="diagnosing", transient=True):
        diagnosis.add(chunk.to(device))
    return diagnosis


def _require_comparable(
    other: ObjectTable, truth: YouTubeVIS, videos: Sequence[Video], ids: Sequence[int], path: str
) -> None:
    """Refuses rows of other objects than those that are going to be measured."""
    labels = {number: label for label, number in enumerate(ids)}
    try:
        require_same_objects(object_keys(truth, videos, labels), other.keys)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_outputs(cfg: DictConfig) -> None:
    """Tries the files that are going to be written."""
    inputs = [cfg.checkpoint, cfg.compare]
    if cfg.output is not None:
        check_outputs([cfg.output], inputs, lambda path: has_fields(path, FIELDS))
        require_writable_file(cfg.output)
    if cfg.rows is not None:
        check_outputs([cfg.rows], [*inputs, cfg.output], is_rows)
        require_writable_file(cfg.rows)


def _report(
    cfg: DictConfig,
    diagnosis: Diagnosis,
    truth: YouTubeVIS,
    videos: Sequence[Video],
    ids: Sequence[int],
    other: ObjectTable | None,
) -> dict[str, Any]:
    """All figures as plain values."""
    table = diagnosis.table
    wanted = {video.id for video in videos}
    annotated = [track for track in truth.tracks() if track.video_id in wanted]
    differences: Mapping[str, Any] = {}
    if other is not None:
        differences = paired_differences(table, other, cfg.resamples, cfg.seed)
    figures = object_figures(table)
    switches = figures["id_switched"]
    return {
        "checkpoint": str(cfg.checkpoint),
        "split": cfg.split,
        "videos": len(videos),
        "frames": sum(video.length for video in videos),
        "mask_stride": diagnosis.mask_stride,
        "figures": {name: asdict(figure) for name, figure in figures.items()},
        "id_switches": round((switches.mean or 0.0) * switches.objects),
        "oracle_ladder": oracle_ladder(diagnosis.found, ids, truth.categories, annotated),
        "compared_with": None if other is None else str(cfg.compare),
        "differences": {name: asdict(value) for name, value in differences.items()},
        "seed": cfg.seed,
    }
