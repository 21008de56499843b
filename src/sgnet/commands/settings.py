"""Types of the commands' settings; their defaults stand in conf/ alone.

A dataclass for each file of settings, with the names of the file but for its groups such as `data`:
what a group makes has types of its own (see `check_settings`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, TypeAlias, get_type_hints

from sgnet.commands.value_types import Settings, Within, takes_list, takes_text

Share: TypeAlias = Annotated[float, Within(0, 1)]
Count: TypeAlias = Annotated[int, Within(0)]
Number: TypeAlias = Annotated[int, Within(1)]
Seed: TypeAlias = Annotated[int, Within(0, 2**32 - 1)]  # as NumPy takes them
Device: TypeAlias = str | int | None
Speed: TypeAlias = Literal["exact", "compact", "fast"]
Weights: TypeAlias = Literal["averaged", "raw"] | None


@dataclass(frozen=True)
class Decoder(Settings):
    """Of `DetectionDecoder`; null keeps the checkpoint's."""

    score_threshold: Share | None
    top_k: Number | None
    nms_threshold: Share | None
    max_detections: Number | None


@dataclass(frozen=True)
class Tracker(Settings):
    """Of `MovementTracker`; null keeps the checkpoint's."""

    max_age: Count | None
    class_aware: bool | None
    point: Literal["location", "box_center"] | None
    radius_scale: Annotated[float, Within(0)] | None
    class_cost: Annotated[float, Within(0)] | None
    size_cost: Annotated[float, Within(0)] | None
    max_cost: Annotated[float, Within(0)] | None


@dataclass(frozen=True)
class Paths(Settings):
    """Places that groups refer to."""

    data_dir: str
    run_dir: str


@dataclass(frozen=True)
class Train(Settings):
    """conf/train.yaml."""

    seed: Seed
    resume: str | None
    plugins: list[Any] | None
    channels_last: bool
    both_ways: bool
    small_steps: Count
    small_factor: Number
    paper: Mapping[str, Any]


@dataclass(frozen=True)
class Associate(Settings):
    """conf/scripts/associate.yaml."""

    checkpoint: str | None
    detections: str | None
    annotations: str | None
    weights: Weights
    split: str
    lowest_score: Share
    cache: str | None
    device: Device
    output: str | None
    detect: Detect
    seed: Seed


@dataclass(frozen=True)
class Benchmark(Settings):
    """conf/scripts/benchmark.yaml."""

    output: str | None
    height: Number
    width: Number
    rounds: Number
    warmup: Count
    threads: Number | None
    device: Device
    compile_too: bool
    onnx_too: bool
    depths: list[Number]
    mode: str | None
    rivals: bool


@dataclass(frozen=True)
class CheckData(Settings):
    """conf/scripts/check_data.yaml."""

    annotations: str | None
    images: str | None
    split: str | None
    output: str
    against: str | None
    against_images: str | None
    fix: str | None
    fix_split: str
    copy_images: bool
    workers: Count
    seed: Seed


@dataclass(frozen=True)
class CheckExport(Settings):
    """conf/scripts/check_export.yaml."""

    checkpoint: str
    weights: Weights
    exported: str
    split: str
    videos: Number | None
    fill_up: bool
    starts: Number
    output: str | None
    seed: Seed


@dataclass(frozen=True)
class Compose(Settings):
    """conf/scripts/compose.yaml."""

    annotations: str
    images: str
    output: str
    split: str
    count: Number
    seed: Seed
    min_area: Count
    rules: Any


@dataclass(frozen=True)
class ContactSheet(Settings):
    """conf/scripts/contact_sheet.yaml."""

    output: str
    split: str
    rows: Number
    columns: Number
    skip: Count
    seed: Seed


@dataclass(frozen=True)
class Convert(Settings):
    """conf/scripts/convert.yaml."""

    source: str
    images: str | None
    source_video: str | None
    output: str
    split: str
    like: str | None
    copy_images: bool


@dataclass(frozen=True)
class Diagnose(Settings):
    """conf/scripts/diagnose.yaml."""

    checkpoint: str
    weights: Weights
    split: str
    output: str | None
    rows: str | None
    compare: str | None
    resamples: Number
    decoder: Decoder
    tracker: Tracker
    device: Device
    seed: Seed


@dataclass(frozen=True)
class Evaluate(Settings):
    """conf/scripts/evaluate.yaml."""

    checkpoint: str
    weights: Weights
    split: str
    output: str | None
    decoder: Decoder
    tracker: Tracker
    pictures: Count
    min_score: Share
    device: Device
    speed: Speed | None
    compiled: bool
    fill_up: bool
    seed: Seed


@dataclass(frozen=True)
class Export(Settings):
    """conf/scripts/export.yaml."""

    checkpoint: str
    weights: Weights
    format: str
    calibration: str | None
    calibration_frames: Number
    input_size: tuple[Number, Number] | None
    output: str | None
    decoder: Decoder
    tracker: Tracker


@dataclass(frozen=True)
class ExportTracks(Settings):
    """conf/scripts/export_tracks.yaml."""

    annotations: str
    results: str | None
    min_score: Share
    output: str


@dataclass(frozen=True)
class LoaderMemory(Settings):
    """conf/scripts/loader_memory.yaml."""

    videos: Number
    frames: Number
    tracks: Count
    workers: Count
    batch_size: Number
    output: str | None


@dataclass(frozen=True)
class LoaderThroughput(Settings):
    """conf/scripts/loader_throughput.yaml."""

    seed: Seed
    pairs: Number
    rounds: Number
    workers: Count
    batches: Number
    frame_size: tuple[Number, Number]
    straightforward: list[Any]
    output: str | None


@dataclass(frozen=True)
class Predict(Settings):
    """conf/scripts/predict.yaml."""

    checkpoint: str
    weights: Weights
    source: str
    stream: Count | None
    output: str
    speed: Speed
    compiled: bool
    fill_up: bool
    device: Device
    max_frames: Number | None
    video_id: Number
    overlay: bool
    min_score: Share
    decoder: Decoder
    tracker: Tracker


@dataclass(frozen=True)
class Replay(Settings):
    """conf/scripts/replay.yaml."""

    dump: str
    config: str | None
    device: Device
    precision: str | int | None


@dataclass(frozen=True)
class Report(Settings):
    """conf/scripts/report.yaml."""

    runs: str | list[str]
    reference: str | None
    other: str | None
    output: str | None


@dataclass(frozen=True)
class ScoringSpeed(Settings):
    """conf/scripts/scoring_speed.yaml."""

    videos: Number
    frames: Number
    objects: Number
    tracks: Number
    categories: Number
    rounds: Number
    seed: Seed
    output: str | None


@dataclass(frozen=True)
class Score(Settings):
    """conf/scripts/score.yaml."""

    annotations: str
    results: str
    lengths: Literal["strict", "official"]
    tracking: bool
    davis: bool
    strata: bool
    intervals: bool
    errors: bool
    errors_iou: Share
    ladder: bool
    compare: str | None
    resamples: Number
    seed: Seed
    output: str | None
    page: str | None
    images: str | None


@dataclass(frozen=True)
class Soak(Settings):
    """conf/scripts/soak.yaml."""

    frames: Number
    first_reading: Number
    output: str | None
    height: Number
    width: Number
    instances: Number
    seed: Seed


@dataclass(frozen=True)
class Split(Settings):
    """conf/scripts/split.yaml."""

    annotations: str | None
    images: str | None
    split: str | None
    output: str
    rule: Literal["stratified", "hash"]
    share: Share
    folds: Annotated[int, Within(2)] | None
    salt: str
    seed: Seed


@dataclass(frozen=True)
class TimeRuns(Settings):
    """conf/scripts/time_runs.yaml."""

    runs: str
    split: str
    frames: Number
    rounds: Number
    speed: Speed
    seed: Seed


@dataclass(frozen=True)
class Detect(Settings):
    """What the detections that associate and tune_tracker keep hang on."""

    checkpoint: str | None
    weights: Weights
    lowest_score: Share
    cache: str | None
    device: Device
    decoder: Decoder


@dataclass(frozen=True)
class TuneTracker(Settings):
    """conf/scripts/tune_tracker.yaml."""

    checkpoint: str
    weights: Weights
    split: str
    lowest_score: Share
    cache: str | None
    device: Device
    score_threshold: Share
    tracker: Tracker
    detect: Detect
    seed: Seed


SCHEMAS: dict[str, type[Settings]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind
    for kind in (
        *(
            Train,
            Associate,
            Benchmark,
            CheckData,
            CheckExport,
            Compose,
            ContactSheet,
            Convert,
            Diagnose,
        ),
        *(Evaluate, Export, ExportTracks, LoaderMemory, LoaderThroughput, Predict, Replay),
        *(Report, Score, ScoringSpeed, Soak, Split, TimeRuns, TuneTracker),
    )
}
# of groups: names that hold text as it is typed, places and names of splits
GROUP_TEXT = (
    "paths.*",
    *(f"data.{name}" for name in ("root", "train_split", "val_split")),
    *(f"data.sources.*.{name}" for name in ("root", "split")),
    *(f"data.readers.*.{name}" for name in ("source", "annotations", "videos", "categories")),
    *(f"from.{name}" for name in ("annotations", "resolution", "videos", "categories")),
    "model.weights",
    *(f"callbacks.*.{name}" for name in ("dirpath", "folder", "path")),
    "logger.*.save_dir",
    "trainer.default_root_dir",
    *("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"),
)
GROUPS = {"decoder": tuple(get_type_hints(Decoder)), "tracker": tuple(get_type_hints(Tracker))}


def is_text(name: str, key: str) -> bool:
    """Whether a setting of a command is text, which is taken as it was typed.

    Args:
        name: of the command.
        key: of the setting, such as `data.root`.
    """
    kind = _kind(name, key)
    if kind is None:
        return any(fnmatchcase(key, pattern) for pattern in GROUP_TEXT)
    return takes_text(kind)


def may_be_list(name: str, key: str) -> bool:
    """Whether a setting of a command may be a list."""
    return takes_list(_kind(name, key))


def _kind(name: str, key: str) -> Any:  # noqa: ANN401 - a type
    """The declared type; None where there is none."""
    kind: Any = SCHEMAS.get(name)
    for part in key.split("."):
        is_group = isinstance(kind, type) and issubclass(kind, Settings)
        kind = get_type_hints(kind, include_extras=True).get(part) if is_group else None
    return kind


def given(settings: Mapping[Any, Any]) -> dict[str, Any]:
    """The settings of a group that are not null, which leaves a checkpoint's."""
    return {str(name): value for name, value in settings.items() if value is not None}
