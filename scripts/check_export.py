"""An exported model against its checkpoint: the same tracks, and what starting each costs (Linux).

python scripts/check_export.py checkpoint=runs/demo/checkpoints/last.ckpt exported=last.onnx \
    data=shapes_small output=check_export.json
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.progress import track

from sgnet.data.youtube_vis import find_split
from sgnet.ops.atomic_file import require_writable, write_json
from sgnet.sources.images import ImageFiles
from sgnet.streaming import FrameResult
from sgnet.training import exit_on_error
from sgnet.video_predictor import open_predictor

# what a deployment does until it has its first result, in a process of its own
FIRST_FRAME = """
import sys, time
started = time.perf_counter()
import numpy as np
{imports}
predictor = {predictor}
frame = np.zeros((*predictor.input_size, 3), dtype=np.uint8)
list(predictor.stream([frame], ahead=0))
seconds = time.perf_counter() - started
# getrusage would tell the parent's peak where that is higher
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(seconds, int(status["VmHWM"].split()[0]) / 1024, "torch" in sys.modules)
"""
STARTS = {
    "torch": (
        "from sgnet import VideoPredictor",
        "VideoPredictor.from_checkpoint({path!r}, 'cpu')",
    ),
    "onnxruntime": ("from sgnet.onnx_engine import onnx_predictor", "onnx_predictor({path!r})"),
}


def parity(cfg: DictConfig) -> dict[str, Any]:
    """Frames, instances, and where the two disagree."""
    data = instantiate(cfg.data, _convert_="all")
    data.prepare_split(cfg.split)
    images = find_split(data.root, cfg.split)[1]
    videos = data.scored_videos(cfg.split)[: cfg.videos]
    exact, exported = open_predictor(cfg.checkpoint, "cpu"), open_predictor(cfg.exported)
    # what is in the black that fills a frame up moves group norm's statistics: the same for both
    exact.input_size, exact.fixed_size = exported.input_size, exported.fixed_size
    frames = other_frames = 0
    ious: list[float] = []
    for video in track(videos, description="comparing", transient=True):
        paths = [images / name for name in video.file_names]
        streams = [p.stream(ImageFiles(paths, f"video {video.id}")) for p in (exact, exported)]
        for wanted, got in zip(*streams, strict=True):
            frames += 1
            other_frames += wanted.track_ids != got.track_ids
            ious += _ious(wanted, got)
    worst = np.sort(ious)
    return {
        "videos": len(videos),
        "frames": frames,
        "frames_with_other_ids": other_frames,
        "instances": len(ious),
        "mean_mask_iou": float(worst.mean()),
        "lowest_mask_iou": float(worst[0]),
        "instances_below_0.999": int((worst < 0.999).sum()),
    }


def _ious(wanted: FrameResult, got: FrameResult) -> Iterator[float]:
    """Mask IoU of each instance of one with the same identity of the other, 0 without it."""
    theirs = dict(zip(got.track_ids, got.dense_masks, strict=True))
    for track_id, mask in zip(wanted.track_ids, wanted.dense_masks, strict=True):
        other = theirs.get(track_id, np.zeros_like(mask))
        union = (mask | other).sum()
        yield float((mask & other).sum() / union) if union else 1.0


def first_frame(path: str, runtime: str, repeats: int) -> dict[str, float]:
    """Seconds to the first result, imports included, and peak memory in MB; medians."""
    imports, predictor = STARTS[runtime]
    code = FIRST_FRAME.format(imports=imports, predictor=predictor.format(path=path))
    readings = []
    for _ in range(repeats):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        seconds, megabytes, has_torch = done.stdout.split()
        if runtime == "onnxruntime" and has_torch == b"True":
            raise ValueError("expected no torch in the process of onnxruntime, got it imported")
        readings.append((float(seconds), float(megabytes)))
    seconds, megabytes = np.median(readings, axis=0).tolist()
    return {"seconds_to_first_frame": seconds, "peak_mb": megabytes}


def run(cfg: DictConfig) -> None:
    """Compares, prints and writes."""
    if cfg.output is not None:
        require_writable(Path(cfg.output).parent)
    figures = {
        "parity": parity(cfg),
        "torch": first_frame(str(cfg.checkpoint), "torch", cfg.starts),
        "onnxruntime": first_frame(str(cfg.exported), "onnxruntime", cfg.starts),
    }
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    if cfg.output is not None:
        write_json(figures, cfg.output)


@hydra.main(version_base="1.3", config_path="../conf", config_name="check_export")
def main(cfg: DictConfig) -> None:
    """Reads the command line."""
    exit_on_error(lambda: run(cfg))


if __name__ == "__main__":
    main()
