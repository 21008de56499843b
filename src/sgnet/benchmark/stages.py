"""Where the time of one frame goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from sgnet.benchmark.forced import ForcedBoxes, ForcedDecoder
from sgnet.benchmark.timing import Timing, summary
from sgnet.frame_engine import TorchFrameEngine
from sgnet.postprocess import DetectionDecoder
from sgnet.streaming import tracked_instances
from sgnet.tracking import MovementTracker

STAGES = ("preprocess", "backbone+FPN", "heads", "decode+NMS", "masks", "tracker", "RLE")


class _Clock:
    """Milliseconds by stage over the rounds."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {name: [] for name in STAGES}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the block."""
        started = time.perf_counter()
        yield
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.taken[name].append((time.perf_counter() - started) * 1000)


@torch.inference_mode()
def stage_times(
    engine: TorchFrameEngine, image: NDArray[np.uint8], forced: ForcedBoxes, rounds: int
) -> dict[str, Timing]:
    """Median milliseconds of each stage of `TorchFrameEngine.detect` and what follows it.

    Args:
        engine: runs uncompiled here, piece by piece.
        image: [H, W, 3] RGB at the network's input size.
        forced: detections.
        rounds: that count; one more warms up.
    """
    network, size = engine.network, (image.shape[0], image.shape[1])
    decoder = ForcedDecoder(DetectionDecoder(), forced)
    tracker = MovementTracker()
    clock = _Clock()
    for _ in range(rounds + 1):
        with clock.stage("preprocess"):
            frame = torch.from_numpy(image).to(engine.device).permute(2, 0, 1)
            pixels = network.normalized(frame)
        with clock.stage("backbone+FPN"):
            pyramid = network.backbone(pixels)
        with clock.stage("heads"):
            maps = network.heads(pyramid)
        with clock.stage("decode+NMS"):
            selected = decoder.select(
                maps.class_logits, maps.centerness_logits, maps.distances_ltrb, maps.grid, size
            )
        with clock.stage("masks"):
            detections = engine.finish(maps, selected, size)
        with clock.stage("tracker"):
            track_ids = tracker.update(detections)
        with clock.stage("RLE"):
            tracked_instances(detections, track_ids, size)
    return {name: summary(values[1:]) for name, values in clock.taken.items()}
