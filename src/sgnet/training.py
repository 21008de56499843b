"""Configs to runs: the only module that Hydra and the mains talk to."""

from __future__ import annotations

import csv
import json
import logging
import math
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only
from torchvision.models import get_model_weights

from sgnet import __version__
from sgnet.callbacks import InterruptedRunError
from sgnet.checkpoint import load_checkpoint, read_tensors
from sgnet.checkpoint_io import (
    AtomicCheckpointIO,
    clear_unfinished,
    newest_checkpoint,
    require_room,
)
from sgnet.data.datamodule import YouTubeVISDataModule
from sgnet.data.frames import check_frames, read_frame
from sgnet.data.youtube_vis import find_split, load_annotations
from sgnet.evaluation.average_precision import evaluate, format_table
from sgnet.evaluation.results import save_results, zip_results
from sgnet.lightning_module import LOGGED_STATS, SGNetModule
from sgnet.loggers import ID_FILE
from sgnet.manifest import SplitFiles, write_manifest
from sgnet.models import SGNet
from sgnet.models.pretrained import load_torchvision_fcos
from sgnet.ops.atomic_file import atomic_path, require_writable, write_json
from sgnet.reports.differences import config_differences
from sgnet.reports.runs import FAILURE_FILE, HYDRA_OVERRIDES, OVERRIDES_FILE, SPEED_FILE
from sgnet.split_tracking import SplitTracking, in_chunks, streamed
from sgnet.structures import Category
from sgnet.sweeps import INTERRUPTED, SweepMember, result, run_member
from sgnet.video_predictor import Speed, is_exported, open_predictor
from sgnet.visualization.curves import plot_training_curves
from sgnet.visualization.report_pictures import TrackPictures, write_track_pictures

log = logging.getLogger(__name__)
RESUME_LAST, RESUME_AUTO = "last", "auto"
OWN_OF_A_RUN = ("hydra.searchpath", "hydra.job.")  # Hydra's settings that a run of a sweep needs
LOCK_FILE = ".lock"
# what may differ between the parts of a run and between those who look at it
FREE_SETTINGS = (
    "paths",
    "logger",
    "callbacks.best.dirpath",
    "callbacks.interruption",
    "callbacks.last.dirpath",
    "callbacks.learning_rate",
    "callbacks.non_finite.folder",
    "callbacks.pictures",
    "callbacks.progress",
    "callbacks.throughput",
    "resume",
    "trainer.default_root_dir",
    "data.root",
    "data.num_workers",
    "data.generator_workers",
    "model.detection_head.num_classes",  # of the annotations
    "paper",
)
SUMMARY_FILE = "summary.json"  # the last thing that a run writes


def run(cfg: DictConfig, script: Path) -> float | None:
    """Trains and turns expected errors into one line on stderr and exit status 2.

    A run of a sweep trains in a process of its own.

    Args:
        cfg: conf/train.yaml composed.
        script: the Hydra main that calls.

    Returns:
        The best validation AP, None where nothing was validated.

    Raises:
        FailedRunError: a run of a sweep failed.
    """
    member = sweep_member()
    if member is not None:
        run_member(member, script)
        return result(Path(cfg.paths.run_dir), "best_AP")
    metrics = exit_on_error(lambda: train(cfg))
    best: float | None = metrics.get("best_AP")
    return best


def sweep_member() -> SweepMember | None:
    """The run of a sweep (`-m`) that this process is told to do; None outside of a sweep."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    config = HydraConfig.get()
    return SweepMember(
        number=str(config.job.num),
        overrides=(
            *config.overrides.task,
            *(
                o
                for o in config.overrides.hydra
                if o.startswith(("hydra.searchpath", "hydra.job."))
            ),
            f"hydra.job.num={config.job.num}",
        ),
        config_folders=tuple(
            source.path
            for source in config.runtime.config_sources
            if source.provider == "command-line"
        ),
        config_name=str(config.job.config_name),
        folder=Path(config.runtime.output_dir),
        sweep=Path(config.sweep.dir),
        launcher=str(config.runtime.choices.get("hydra/launcher")),
    )


def train(cfg: DictConfig) -> dict[str, float]:
    """One training run.

    Args:
        cfg: conf/train.yaml composed.

    Returns:
        The last validation's figures by name (`val/AP`, ...) and `best_AP`.

    Raises:
        ValueError: a setting or an input file is wrong.
    """
    run_dir = Path(cfg.paths.run_dir)
    with sole_run(run_dir):
        if cfg.resume == RESUME_AUTO and (run_dir / SUMMARY_FILE).is_file():
            _require_same_settings(cfg, run_dir)
            log.info("%s: finished already", run_dir)
            return _finished(run_dir)
        with _noted_failure(run_dir):
            return _train(cfg, run_dir, _resume_path(cfg, run_dir))


@contextmanager
def _noted_failure(run_dir: Path) -> Iterator[None]:
    """Leaves in the run folder why training failed, for reports."""
    note = run_dir / FAILURE_FILE
    note.unlink(missing_ok=True)
    try:
        yield
    except InterruptedRunError:
        raise
    except Exception as error:
        with suppress(OSError):  # a full disk may be the failure
            note.write_text(f"{_message(error)}\n\n{traceback.format_exc()}", encoding="utf-8")
        raise


@contextmanager
def sole_run(run_dir: Path) -> Iterator[None]:
    """Keeps a second start of the same run out of its folder.

    Raises:
        ValueError: another process trains there.
    """
    if not _is_first_process():
        yield
        return
    require_writable(run_dir)
    lock = FileLock(run_dir / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"{run_dir}: another process trains in this folder") from None
    try:
        yield
    finally:
        lock.release()


def _is_first_process() -> bool:
    return bool(getattr(rank_zero_only, "rank", 0) == 0)


def _train(cfg: DictConfig, run_dir: Path, resume: str | None) -> dict[str, float]:
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    torch.set_float32_matmul_precision("high")
    data: YouTubeVISDataModule = instantiate(cfg.data, _convert_="all")
    data.prepare_data()
    data.setup("fit")
    cfg.model.detection_head.num_classes = len(data.categories)
    module = build_module(cfg, data)
    if resume is None and _is_first_process():
        (run_dir / ID_FILE).unlink(missing_ok=True)  # a new run of W&B, too
    trainer: pl.Trainer = instantiate(
        cfg.trainer,
        _convert_="all",
        callbacks=[instantiate(c, _convert_="all") for c in (cfg.callbacks or {}).values()],
        logger=[instantiate(c, _convert_="all") for c in (cfg.logger or {}).values()],
        plugins=[AtomicCheckpointIO(), *instantiate(cfg.plugins or [], _convert_="all")],
    )
    if trainer.is_global_zero:
        require_room(module, run_dir)
        clear_unfinished(run_dir / "checkpoints")
        if resume is None:
            _set_aside(run_dir / "checkpoints")
        for name in (SUMMARY_FILE, SPEED_FILE):
            (run_dir / name).unlink(missing_ok=True)
        _clear_earlier_logs(run_dir, resume)
        OmegaConf.save(cfg, run_dir / "config.yaml", resolve=True)
        if (run_dir / HYDRA_OVERRIDES).is_file():  # another command would write over it
            shutil.copyfile(run_dir / HYDRA_OVERRIDES, run_dir / OVERRIDES_FILE)
        splits = {
            name: SplitFiles(path, images, [f for v in split.videos for f in v.file_names])
            for name, (split, path, images) in data.read_splits.items()
        }
        manifest = write_manifest(run_dir, cfg.seed, splits, Path.cwd())
        config: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
        for logger in trainer.loggers:
            logger.log_hyperparams({**config, "manifest": manifest})
    with explained_failures(data):
        trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    if trainer.is_global_zero and (run_dir / "metrics.csv").is_file():
        logs = [*sorted(run_dir.glob("metrics.before-*.csv")), run_dir / "metrics.csv"]
        plot_training_curves(logs, run_dir / "curves.png")
    metrics = _summary(trainer)
    metrics["parameters_m"] = sum(p.numel() for p in module.model.parameters()) / 1e6
    if trainer.is_global_zero:
        finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
        write_json(finite, run_dir / SUMMARY_FILE)
    return metrics


@contextmanager
def explained_failures(data: YouTubeVISDataModule) -> Iterator[None]:
    """Says what to lower where memory runs out, and what a loader process that died had read.

    Raises:
        ValueError: in their place.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in text:
            raise ValueError(
                f"out of memory: {text.splitlines()[0]}; lower the pairs of a batch "
                "(trainer.accumulate_grad_batches=2 halves them and keeps the step), "
                "data.transform.size, or take trainer.precision=bf16-mixed"
            ) from error
        if "killed by signal" in text or "exited unexpectedly" in text:
            raise ValueError(
                f"{text.splitlines()[0].strip(' .')}; the loader processes had begun to read "
                f"{', '.join(data.begun_to_read) or 'nothing'}; where memory ran out, lower "
                "data.num_workers"
            ) from error
        raise


def build_module(cfg: DictConfig, data: YouTubeVISDataModule) -> SGNetModule:
    """The LightningModule of a composed config.

    Args:
        cfg: with the number of classes filled in.
        data: set up; its categories and input size go into every checkpoint.
    """
    parts = OmegaConf.create({"model": cfg.model, "inference": cfg.inference})
    OmegaConf.resolve(parts)
    plain: dict[str, Any] = OmegaConf.to_container(parts)  # type: ignore[assignment]
    description = {
        "sgnet_version": __version__,
        "model": plain["model"],
        **plain["inference"],
        "categories": [{"id": c.id, "name": c.name} for c in data.categories],
        "input_size": list(data.input_size),
    }
    starts_from = (cfg.model.backbone.weights, cfg.init_weights, cfg.resume)
    if cfg.model.backbone.norm == "frozen_batch" and not any(starts_from):
        raise ValueError(
            "model.backbone.norm=frozen_batch needs pretrained weights (model.backbone.weights or "
            "init_weights), got none; use model.backbone.norm=group to train from scratch"
        )
    model = instantiate(cfg.model, _convert_="all")
    if cfg.channels_last:
        model = model.to(memory_format=torch.channels_last)
    if cfg.init_weights is not None:
        load_initial_weights(model, str(cfg.init_weights))
    return SGNetModule(
        model=model,
        criterion=instantiate(cfg.criterion, _convert_="all"),
        decoder=instantiate(cfg.inference.decoder, _convert_="all"),
        tracker=instantiate(cfg.inference.tracker, _convert_="all"),
        optimizer=instantiate(cfg.optim.optimizer, _convert_="all"),
        schedule=instantiate(cfg.optim.schedule, _convert_="all"),
        no_decay_on_norms=cfg.optim.no_decay_on_norms,
        both_ways=cfg.both_ways,
        small_steps=cfg.small_steps,
        small_factor=cfg.small_factor,
        seed=cfg.seed,
        description=description,
    )


def evaluate_checkpoint(cfg: DictConfig) -> str:
    """Runs a checkpoint over a data set and writes results and figures.

    Writes `results.json`, `results.zip` and, where the split has annotations, `metrics.json`.

    Args:
        cfg: conf/evaluate.yaml composed.

    Returns:
        The table of figures and where the files are.

    Raises:
        ValueError: a setting, the checkpoint or the data set is wrong.
    """
    data: YouTubeVISDataModule = instantiate(cfg.data, _convert_="all")
    data.prepare_split(cfg.split)
    path, images = find_split(data.root, cfg.split)
    truth = load_annotations(path)
    videos = data.scored_videos(cfg.split)
    track_split, categories, input_size = _split_tracking(cfg, data)
    output = Path(cfg.output or Path(cfg.checkpoint).parent.parent / "evaluation" / cfg.split)
    require_writable(output)  # all that can be known beforehand stops the work before it starts
    check_frames(videos, images)
    classes = category_ids(categories, truth.categories)
    started = time.perf_counter()
    tracks = track_split(videos, images, classes)
    seconds = time.perf_counter() - started
    save_results(tracks, output / "results.json")
    zip_results(output / "results.json", output / "results.zip")
    frames = sum(video.length for video in videos)
    summary = f"{frames} frames, {len(videos)} videos, {frames / seconds:.1f} frames/s -> {output}"
    if cfg.pictures:
        pictures = TrackPictures(
            lambda name: read_frame(images / name),
            {category.id: category.name for category in truth.categories},
            cfg.min_score,
            input_size,
        )
        write_track_pictures(pictures, videos[: cfg.pictures], tracks, output)
    if not truth.has_annotations:
        return f"{summary} (no annotations, no score)"
    wanted = {video.id for video in videos}
    annotated = [track for track in truth.tracks() if track.video_id in wanted]
    metrics = evaluate(videos, truth.categories, annotated, tracks)
    write_json(metrics.as_json(), output / "metrics.json")
    return f"{format_table(metrics, truth.categories)}\n{summary}"


def _split_tracking(
    cfg: DictConfig, data: YouTubeVISDataModule
) -> tuple[SplitTracking, tuple[Category, ...], tuple[int, int]]:
    """How the split's videos are tracked, the network's categories and its input size."""
    device = _device(cfg.device)
    decoder, tracker = _given(cfg.decoder), _given(cfg.tracker)
    if cfg.speed is None and not is_exported(cfg.checkpoint):
        loaded = load_checkpoint(cfg.checkpoint, decoder, tracker)
        tracking = in_chunks(loaded, device, data.frames_per_chunk, data.num_workers)
        return tracking, loaded.categories, loaded.input_size
    speed: Speed = cfg.speed or "exact"
    name = cfg.device if is_exported(cfg.checkpoint) else str(device)
    predictor = open_predictor(
        cfg.checkpoint, name, speed, cfg.compiled, decoder, tracker, cfg.fill_up
    )
    return streamed(predictor), predictor.classes, predictor.input_size


def _given(settings: DictConfig) -> dict[str, Any]:
    """The settings that are not null."""
    return {str(name): value for name, value in settings.items() if value is not None}


def _device(name: str | None) -> torch.device:
    """A device by name; None takes a GPU where there is one.

    Raises:
        ValueError: no such device.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (AssertionError, RuntimeError) as error:
        raise ValueError(f"device must be cpu, cuda, cuda:1, ..., got {name!r}") from error
    return device


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


def exit_on_error(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the work returns
    """Runs a main's work; an error of settings or input becomes one message, exit status 2."""
    try:
        return work()
    except (ValueError, OSError, MisconfigurationException) as error:
        sys.stderr.write(f"error: {_message(error)}\n")
        raise SystemExit(2) from None
    except InterruptedRunError as interruption:
        sys.stderr.write(f"{interruption}\n")
        raise SystemExit(INTERRUPTED) from None
    except InstantiationException as error:
        sys.stderr.write(f"error: {_message(error)}\n")
        raise SystemExit(2) from None


def _message(error: BaseException) -> str:
    """The error's text; of one that comes from a loader process, what follows its traceback."""
    if isinstance(error, InstantiationException) and error.__cause__ is not None:
        return _message(error.__cause__)  # Hydra wraps what a constructor raised
    text = str(error).strip() or type(error).__name__
    if "Traceback (most recent call last)" in text:
        return text.splitlines()[-1]
    return text


def load_initial_weights(model: SGNet, source: str) -> None:
    """Starts a network from other weights and logs how much of it they cover.

    Args:
        model: changed in place.
        source: a checkpoint of ours, whose weights are taken where name and shape agree; a file
            with the state of torchvision's `fcos_resnet50_fpn`; or `torchvision_fcos`, which
            downloads its COCO weights.

    Raises:
        ValueError: no such file, or weights of neither kind.
    """
    if source == "torchvision_fcos":
        if model.location_offset != 0:
            raise ValueError(
                "init_weights=torchvision_fcos needs model.location_offset=0, which its weights "
                f"were trained with, got {model.location_offset}"
            )
        left = load_torchvision_fcos(
            model, get_model_weights("fcos_resnet50_fpn").DEFAULT.get_state_dict(progress=True)
        )
        log.info("%s: %d weights left at their initial values", source, len(left))
        return
    if not Path(source).is_file():
        raise ValueError(f"init_weights: expected a file or 'torchvision_fcos', got {source!r}")
    content = read_tensors(Path(source))
    if "state_dict" not in content:
        log.info("%s: %d weights left", source, len(load_torchvision_fcos(model, content)))
        return
    own = model.state_dict()
    stored = {k.removeprefix("model."): v for k, v in content["state_dict"].items()}
    fitting = {k: v for k, v in stored.items() if k in own and own[k].shape == v.shape}
    if not fitting:
        raise ValueError(f"init_weights: {source} holds no weight that fits the model")
    model.load_state_dict(fitting, strict=False)
    log.info("%s: %d of %d weights taken", source, len(fitting), len(own))


def _resume_path(cfg: DictConfig, run_dir: Path) -> str | None:
    """The checkpoint to go on from, checked before any work starts."""
    if cfg.resume is None:
        return None
    if cfg.resume == RESUME_AUTO:
        newest = newest_checkpoint(run_dir / "checkpoints")
        log.info("resume=auto: %s", newest or "no checkpoint yet, from the start")
        return None if newest is None else str(newest)
    path = run_dir / "checkpoints" / "last.ckpt" if cfg.resume == RESUME_LAST else Path(cfg.resume)
    if not path.is_file():
        raise ValueError(f"resume: checkpoint {path} not found")
    if "state_dict" not in read_tensors(path):
        raise ValueError(f"resume: {path} must be a checkpoint of train.py, got another file")
    return str(path)


def _set_aside(checkpoints: Path) -> None:
    """Moves another run's checkpoints out of the way of `resume=auto`."""
    if any(checkpoints.glob("*.ckpt")):
        number = len(list(checkpoints.parent.glob("checkpoints.before-*")))
        target = checkpoints.with_name(f"checkpoints.before-{number:03d}")
        checkpoints.rename(target)
        log.info("checkpoints of an earlier run are in %s now", target)


def _require_same_settings(cfg: DictConfig, run_dir: Path) -> None:
    """Refuses to take a finished run for one with other settings.

    Raises:
        ValueError: the settings differ.
    """
    stored = run_dir / "config.yaml"
    if not stored.is_file():
        return
    found = [
        f"{name}: {theirs} there, {ours} here"
        for name, ours, theirs in config_differences(cfg, OmegaConf.load(stored))
        if not name.startswith(FREE_SETTINGS)
    ]
    if found:
        raise ValueError(
            f"{run_dir} holds a finished run with other settings ({'; '.join(found)}); choose "
            "another folder or remove it"
        )


def _finished(run_dir: Path) -> dict[str, float]:
    metrics: dict[str, float] = json.loads((run_dir / SUMMARY_FILE).read_text(encoding="utf-8"))
    return metrics


def _clear_earlier_logs(run_dir: Path, resume: str | None) -> None:
    """Moves the log of a run that is resumed in its folder aside; a new run starts without any.

    The logger would delete the log that it finds. Steps that a killed run made behind its last
    checkpoint are made again, so their lines go.
    """
    earlier = sorted(run_dir.glob("metrics.before-*.csv"))
    log_file = run_dir / "metrics.csv"
    if resume is None:
        for path in (*earlier, log_file):
            path.unlink(missing_ok=True)
        return
    if log_file.is_file():
        moved = run_dir / f"metrics.before-{len(earlier):03d}.csv"
        log_file.rename(moved)
        earlier.append(moved)
    step = int(read_tensors(Path(resume))["global_step"])
    for path in earlier:
        _keep_steps_below(path, step)


def _keep_steps_below(path: Path, step: int) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), reader.fieldnames or []
    kept = [row for row in rows if row.get("step") and int(row["step"]) < step]
    if len(kept) == len(rows):
        return
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(kept)


def _summary(trainer: pl.Trainer) -> dict[str, float]:
    metrics = {k: float(v) for k, v in trainer.callback_metrics.items()}
    for callback in trainer.checkpoint_callbacks:
        score = getattr(callback, "best_model_score", None)
        if getattr(callback, "monitor", None) == "val/AP" and score is not None:
            metrics["best_AP"] = float(score)
    figures = {name: metrics.get(f"val/{name}") for name in LOGGED_STATS}
    log.info("last validation: %s, best AP: %s", figures, metrics.get("best_AP"))
    return metrics
