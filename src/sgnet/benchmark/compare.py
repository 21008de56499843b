"""The whole benchmark: latency, growth with the number of objects, memory and work."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch.utils.flop_counter import FlopCounterMode

from sgnet.benchmark.contestants import (
    NUM_CLASSES,
    Contestant,
    fcos,
    mask_rcnn,
    our_model,
    ours,
    yolo_seg,
)
from sgnet.benchmark.forced import ForcedBoxes
from sgnet.benchmark.stages import stage_times
from sgnet.benchmark.timing import Timing, time_in_turn
from sgnet.frame_engine import TorchFrameEngine
from sgnet.models import SGNet
from sgnet.postprocess import DetectionDecoder

log = logging.getLogger(__name__)
COUNTS = (1, 10, 50, 100, 200)
RIVAL_COUNTS = (10, 100)
TRIAL_ROUNDS = 5


@dataclass(frozen=True)
class BenchmarkSettings:
    """What is measured.

    Attributes:
        size: (height, width) of the frame.
        rounds: that count.
        warmup: rounds that do not.
        device: cpu, cuda, ...
        compile_too: try torch.compile for the fastest mode; it takes minutes.
        depths: of our backbones; the first is compared with the rivals.
    """

    size: tuple[int, int] = (360, 640)
    rounds: int = 15
    warmup: int = 3
    device: str = "cpu"
    compile_too: bool = True
    depths: tuple[int, ...] = (50, 101)


def compare(settings: BenchmarkSettings) -> dict[str, Any]:
    """Runs everything in one process.

    Returns:
        Plain values: `exact` and `fastest` ratios, medians in milliseconds, memory, work, machine.
    """
    image = np.random.default_rng(0).integers(0, 256, (*settings.size, 3), dtype=np.uint8)
    forced = {
        count: ForcedBoxes.drawn(count, settings.size, NUM_CLASSES, settings.device)
        for count in COUNTS
    }
    model = our_model(settings.depths[0])
    exact = TorchFrameEngine(model, DetectionDecoder(), settings.device)
    fastest, fastest_name = _fastest(model, settings, image, forced[10])
    contestants = [ours(f"exact {n}", exact, forced[n]) for n in COUNTS]
    contestants += [ours(f"fastest {n}", fastest, forced[n]) for n in COUNTS]
    contestants += _rivals(settings, forced)
    for depth in settings.depths[1:]:
        deeper = TorchFrameEngine(our_model(depth), DetectionDecoder(), settings.device)
        contestants.append(ours(f"exact R{depth} 10", deeper, forced[10]))
    work: dict[str, Callable[[], object]] = {c.name: _call(c.run, image) for c in contestants}
    work |= {f"{c.name} without RLE": _call(c.run_network, image) for c in contestants[:2]}
    jpeg = cv2.imencode(".jpg", image)[1]
    work["JPEG decoding"] = lambda: cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB)
    with Progress(transient=True) as progress:
        task = progress.add_task("benchmark", total=settings.rounds + settings.warmup)
        times = time_in_turn(work, settings.rounds, settings.warmup, lambda: progress.advance(task))
    return {
        "exact": ratios(times, "exact"),
        "fastest": {"mode": fastest_name, **ratios(times, "fastest")},
        "milliseconds": {name: asdict(timing) for name, timing in times.items()},
        "stages": {
            name: {
                stage: asdict(timing)
                for stage, timing in stage_times(engine, image, forced[10], 9).items()
            }
            for name, engine in (("exact", exact), ("fastest", fastest))
        },
        "memory_mb": {c.name: peak_memory(c, image) for c in contestants},
        "work": {
            c.name: measured_work(c, image) for c in contestants if not c.name.startswith("fastest")
        },
        "machine": machine(settings),
    }


def ratios(times: dict[str, Timing], mode: str) -> dict[str, float]:
    """The figures that targets are set for; above 1 is faster than Mask R-CNN, below 1 than FCOS.

    Args:
        times: of one run.
        mode: `exact` or `fastest`.
    """
    ms = {name: timing.median for name, timing in times.items()}
    return {
        "maskrcnn_10_over_ours": ms["Mask R-CNN 10"] / ms[f"{mode} 10"],
        "maskrcnn_100_over_ours": ms["Mask R-CNN 100"] / ms[f"{mode} 100"],
        "ours_over_fcos": ms[f"{mode} 10"] / ms["FCOS"],
        "growth_100_over_1": ms[f"{mode} 100"] / ms[f"{mode} 1"],
        "growth_200_over_1": ms[f"{mode} 200"] / ms[f"{mode} 1"],
    }


def peak_memory(contestant: Contestant, image: NDArray[np.uint8]) -> float | None:
    """Megabytes at the peak of one frame: of the GPU, or what the process grows by on Linux."""
    if next(contestant.network.parameters()).is_cuda:
        torch.cuda.reset_peak_memory_stats()
        contestant.run(image)
        return torch.cuda.max_memory_allocated() / 2**20
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = _status("VmRSS")
        contestant.run(image)
        return _status("VmHWM") - before
    except OSError:  # no Linux
        return None


def measured_work(contestant: Contestant, image: NDArray[np.uint8]) -> dict[str, float]:
    """Millions of parameters, and billions of multiply-adds of one frame."""
    counter = FlopCounterMode(display=False)
    with counter:
        contestant.run(image)
    parameters = sum(p.numel() for p in contestant.network.parameters())
    return {
        "parameters_m": parameters / 1e6,
        "multiply_adds_g": counter.get_total_flops() / 2e9,
    }


def machine(settings: BenchmarkSettings) -> dict[str, Any]:
    """What the figures were measured on."""
    on_gpu = torch.device(settings.device).type == "cuda"
    return {
        "device": torch.cuda.get_device_name() if on_gpu else _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "size": list(settings.size),
        "rounds": settings.rounds,
    }


def _fastest(
    model: SGNet,
    settings: BenchmarkSettings,
    image: NDArray[np.uint8],
    forced: ForcedBoxes,
) -> tuple[TorchFrameEngine, str]:
    """The engine of the fastest mode on this machine, by a short trial."""
    modes = [
        (dtype, compiled)
        for dtype in (torch.float32, torch.bfloat16)
        for compiled in ((False, True) if settings.compile_too else (False,))
    ]
    engines = {
        f"{str(dtype).removeprefix('torch.')}{', compiled' if compiled else ''}": TorchFrameEngine(
            model, DetectionDecoder(), settings.device, dtype, compiled
        )
        for dtype, compiled in modes
    }
    runs = {}
    for name, engine in engines.items():
        run = _call(ours(name, engine, forced).run, image)
        try:
            run()
        except (RuntimeError, torch._dynamo.exc.TorchDynamoException) as error:
            log.warning("%s does not run here: %s", name, str(error).splitlines()[0])
        else:
            runs[name] = run
    times = time_in_turn(runs, TRIAL_ROUNDS, 2)
    best = min(times, key=lambda name: times[name].median)
    return engines[best], best


def _rivals(settings: BenchmarkSettings, forced: dict[int, ForcedBoxes]) -> list[Contestant]:
    device = torch.device(settings.device)
    rivals = [mask_rcnn(f"Mask R-CNN {n}", settings.size, forced[n]) for n in RIVAL_COUNTS]
    rivals.append(fcos("FCOS", settings.size, device))
    yolo = yolo_seg("YOLO11m-seg, network", settings.size, forced[10])
    return rivals if yolo is None else [*rivals, yolo]


def _call(
    function: Callable[[NDArray[np.uint8]], Any], image: NDArray[np.uint8]
) -> Callable[[], object]:
    return lambda: function(image)


def _status(field: str) -> float:
    """A memory figure of this process in MB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/self/status has no {field}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()
