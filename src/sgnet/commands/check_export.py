"""An exported model against its checkpoint: the same tracks, and what starting each costs (Linux).

sgnet check-export checkpoint=runs/demo/checkpoints/last.ckpt exported=last.onnx \
    data=shapes_small output=check_export.json
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.progress import track

from sgnet.checkpoints.loading import load_checkpoint
from sgnet.data.annotations.youtube_vis import find_split
from sgnet.files.atomic_file import require_writable_file, write_json
from sgnet.files.outputs import keep_inputs
from sgnet.inference.sources import Source
from sgnet.inference.sources.images import ImageFiles
from sgnet.inference.streaming import FrameResult, InstanceStreamer
from sgnet.inference.video_predictor import VideoPredictor, open_predictor
from sgnet.ops.frame_sizes import resize_frame

# what a deployment does until it has its first result, in a process of its own
FIRST_FRAME = """
import sys
import numpy as np
{imports}
frame = np.load({frame!r})
predictor = {predictor}
(result,) = predictor.stream([frame], ahead=0)
print(len(result.instances), flush=True)
# getrusage would tell the parent's peak where that is higher
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) / 1024, "torch" in sys.modules)
"""
STARTS = {
    "torch": (
        "from sgnet import VideoPredictor\nfrom sgnet.checkpoints.loading import load_checkpoint",
        "VideoPredictor.from_loaded("
        "load_checkpoint({path!r}).at_input_size(frame.shape[:2]), 'cpu')",
    ),
    "onnxruntime": (
        "from sgnet.inference.onnx_engine import onnx_predictor",
        "onnx_predictor({path!r})",
    ),
}


def compared_videos(cfg: DictConfig) -> list[ImageFiles]:
    """Videos of the split.

    Raises:
        ValueError: there is none.
    """
    data = instantiate(cfg.data, _convert_="all")
    data.prepare_split(cfg.split)
    images = find_split(data.root, cfg.split)[1]
    videos = [
        ImageFiles([images / name for name in video.file_names], f"video {video.id}")
        for video in data.scored_videos(cfg.split)[: cfg.videos]
    ]
    if not videos:
        raise ValueError(
            f"{data.root}: expected a video in split {cfg.split} to compare on, got none; "
            f"videos is {cfg.videos}"
        )
    return videos


def parity(
    exact: InstanceStreamer, exported: InstanceStreamer, videos: Sequence[Source]
) -> dict[str, Any]:
    """Frames, instances, and where the two disagree."""
    frames = other_frames = 0
    ious: list[float] = []
    for video in track(videos, description="comparing", transient=True):
        streams = [predictor.stream(video) for predictor in (exact, exported)]
        for wanted, got in zip(*streams, strict=True):
            frames += 1
            other_frames += wanted.track_ids != got.track_ids
            ious += _ious(wanted, got)
    return {
        "videos": len(videos),
        "frames": frames,
        "frames_with_other_ids": other_frames,
        **agreement(ious),
    }


def agreement(ious: Sequence[float]) -> dict[str, float | int | None]:
    """Of the mask IoUs of all instances; mean and lowest are None without any."""
    return {
        "instances": len(ious),
        "mean_mask_iou": float(np.mean(ious)) if ious else None,
        "lowest_mask_iou": min(ious, default=None),
        "instances_below_0.999": sum(iou < 0.999 for iou in ious),
    }


def _ious(wanted: FrameResult, got: FrameResult) -> Iterator[float]:
    """Mask IoU of each instance of one with the same identity of the other, 0 without it."""
    theirs = dict(zip(got.track_ids, got.dense_masks, strict=True))
    for track_id, mask in zip(wanted.track_ids, wanted.dense_masks, strict=True):
        other = theirs.get(track_id, np.zeros_like(mask))
        union = (mask | other).sum()
        yield float((mask & other).sum() / union) if union else 1.0


def first_frame(path: str, runtime: str, frame: Path, repeats: int) -> dict[str, float]:
    """What starting costs; medians over processes.

    Args:
        path: checkpoint or exported model.
        runtime: torch or onnxruntime.
        frame: [H, W, 3] RGB as numpy stores it.
        repeats: processes.

    Returns:
        Seconds from the start of the process, interpreter and imports included, to the first
        result, which tells its number of instances; the process's peak memory in MB.
    """
    imports, predictor = STARTS[runtime]
    code = FIRST_FRAME.format(
        imports=imports, predictor=predictor.format(path=path), frame=str(frame)
    )
    readings = [_one_start(code, path, runtime) for _ in range(repeats)]
    seconds, megabytes, instances = np.median(readings, axis=0).tolist()
    return {
        "seconds_to_first_frame": seconds,
        "peak_mb": megabytes,
        "instances": int(instances),
    }


def _one_start(code: str, path: str, runtime: str) -> tuple[float, float, int]:
    """Seconds, megabytes and instances of one process."""
    started = time.perf_counter()
    with (
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child,
        _killed_on_error(child),
    ):
        result = child.stdout.readline() if child.stdout is not None else b""
        seconds = time.perf_counter() - started
        rest = child.communicate()[0]
    if child.returncode != 0:
        raise ValueError(
            f"{path}: expected a first result of {runtime}, got exit status {child.returncode}; "
            "its message is above"
        )
    megabytes, has_torch = rest.split()
    if runtime == "onnxruntime" and has_torch == b"True":
        raise ValueError("expected no torch in the process of onnxruntime, got it imported")
    return seconds, float(megabytes), int(result)


@contextmanager
def _killed_on_error(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Lets no process live on where this one is told to end."""
    try:
        yield
    except BaseException:
        child.kill()
        raise


def run(cfg: DictConfig) -> None:
    """Compares, prints and writes."""
    if cfg.output is not None:
        keep_inputs([cfg.output], [cfg.checkpoint, cfg.exported])
        require_writable_file(cfg.output)
    videos = compared_videos(cfg)
    loaded = load_checkpoint(cfg.checkpoint, weights=cfg.weights)
    exported = open_predictor(cfg.exported, fill_up=cfg.fill_up)
    exact = VideoPredictor.from_loaded(loaded.at_input_size(exported.input_size), "cpu")
    # what is in the black that fills a frame up moves group norm's statistics: the same for both
    exact.fixed_size, exact.fill_up = exported.fixed_size, exported.fill_up
    figures: dict[str, Any] = {"parity": parity(exact, exported, videos)}
    with TemporaryDirectory() as folder:
        frame = Path(folder) / "frame.npy"
        np.save(frame, resize_frame(next(iter(videos[0])).image, exported.input_size))
        for runtime, path in (("torch", cfg.checkpoint), ("onnxruntime", cfg.exported)):
            figures[runtime] = first_frame(str(path), runtime, frame, cfg.starts)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    if cfg.output is not None:
        write_json(figures, cfg.output)
