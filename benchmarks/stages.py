"""Where the time of one frame goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from benchmarks.contestants import Image, Ours, OursOnnx
from benchmarks.forced import ForcedBoxes
from benchmarks.timing import Timing, summary

STAGES = ("preprocess", "backbone+FPN", "heads", "decode+NMS", "masks", "tracker", "RLE")
GRAPH_STAGES = ("whole graph", "tracker", "RLE")


class _Clock:
    """Milliseconds by stage over the rounds."""

    def __init__(self, stages: tuple[str, ...]) -> None:
        self.taken: dict[str, list[float]] = {name: [] for name in stages}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the block."""
        started = time.perf_counter()
        yield
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.taken[name].append((time.perf_counter() - started) * 1000)

    def summary(self) -> dict[str, Timing]:
        """By stage, without the first round."""
        return {name: summary(values[1:]) for name, values in self.taken.items()}


@torch.inference_mode()
def stage_times(
    contestant: Ours, image: Image, forced: ForcedBoxes, rounds: int
) -> dict[str, Timing]:
    """Median milliseconds of each stage of one frame.

    Args:
        contestant: on torch it runs uncompiled here, piece by piece; on onnxruntime the network is
            one piece.
        image: [H, W, 3] RGB at the network's input size.
        forced: detections.
        rounds: that count; one more warms up.
    """
    contestant.force(forced)
    if isinstance(contestant, OursOnnx):
        return _graph_stages(contestant, image, rounds)
    engine, size = contestant.engine, (image.shape[0], image.shape[1])
    network, decoder = engine.network, engine.decoder
    clock = _Clock(STAGES)
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
            track_ids = contestant.identities(detections)
        with clock.stage("RLE"):
            contestant.encode((detections, track_ids), image)
    return clock.summary()


def _graph_stages(contestant: OursOnnx, image: Image, rounds: int) -> dict[str, Timing]:
    clock = _Clock(GRAPH_STAGES)
    for _ in range(rounds + 1):
        with clock.stage("whole graph"):
            detections = contestant.engine.detect(image)
        with clock.stage("tracker"):
            track_ids = contestant.identities(detections)
        with clock.stage("RLE"):
            contestant.encode((detections, track_ids), image)
    return clock.summary()
