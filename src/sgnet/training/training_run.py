"""A training run, alone or as a member of a sweep."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from sgnet import __version__
from sgnet.checkpoints.loading import without_pretraining
from sgnet.checkpoints.weights import load_initial_weights
from sgnet.checkpoints.writing import AtomicCheckpointIO, clear_unfinished, require_room
from sgnet.data.loading.datamodule import YouTubeVISDataModule
from sgnet.files.atomic_file import write_json
from sgnet.files.kept_aside import kept
from sgnet.models import SGNet
from sgnet.reports.runs import HYDRA_OVERRIDES, OVERRIDES_FILE
from sgnet.training.input_size import follow_input_size
from sgnet.training.library_noise import without_library_noise
from sgnet.training.lightning_module import SGNetModule
from sgnet.training.manifest import SplitFiles, write_manifest
from sgnet.training.resuming import (
    RESUME_AUTO,
    SETTINGS_KEY,
    Resumption,
    require_categories,
    require_fitting,
    require_same_settings,
    resumption,
)
from sgnet.training.run_folder import (
    CHECKPOINTS,
    CONFIG_FILE,
    LOG_FILE,
    SUMMARY_FILE,
    begin_records,
    finished,
    noted_failure,
    sole_run,
)
from sgnet.training.sweeps import SweepMember
from sgnet.training.validation import LOGGED_STATS
from sgnet.visualization.curves import plot_training_curves

log = logging.getLogger(__name__)
PIXELS = ("pixel_mean", "pixel_std")  # that a backbone may take from its weights
OWN_OF_A_RUN = ("hydra.searchpath", "hydra.job.")  # Hydra's settings that a run of a sweep needs


def sweep_member() -> SweepMember | None:
    """The run of a sweep (`-m`) that this process is told to do; None outside of a sweep."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return None
    config = HydraConfig.get()
    sources: dict[str, list[str]] = {}
    for source in config.runtime.config_sources:
        sources.setdefault(source.provider, []).append(source.path)
    return SweepMember(
        number=str(config.job.num),
        overrides=(
            *config.overrides.task,
            *(o for o in config.overrides.hydra if o.startswith(OWN_OF_A_RUN)),
            f"hydra.job.num={config.job.num}",
        ),
        config_folder=sources["main"][0],
        more_config_folders=tuple(sources.get("command-line", ())),
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
    follow_input_size(cfg)
    run_dir = Path(cfg.paths.run_dir)
    with sole_run(run_dir):
        if cfg.resume == RESUME_AUTO and (run_dir / SUMMARY_FILE).is_file():
            if require_same_settings(cfg, run_dir):
                log.info("%s: finished already", run_dir)
                return finished(run_dir)
            log.info("%s: finished already; it shall be longer", run_dir)
        resumed = resumption(cfg, run_dir)
        with noted_failure(run_dir) as begun, without_library_noise():
            return _train(cfg, run_dir, resumed, begun)


def _train(
    cfg: DictConfig, run_dir: Path, resumed: Resumption | None, begun: Event
) -> dict[str, float]:
    pl.seed_everything(cfg.seed, workers=True, verbose=False)
    torch.set_float32_matmul_precision("high")
    data: YouTubeVISDataModule = instantiate(cfg.data, _convert_="all")
    data.prepare_data()
    data.setup("fit")
    cfg.model.detection_head.num_classes = len(data.categories)
    module = build_module(cfg, data, resumed)
    trainer: pl.Trainer = instantiate(
        cfg.trainer,
        _convert_="all",
        callbacks=_instances(cfg.callbacks),
        logger=False,  # they look into the folder, whose records may be another run's yet
        plugins=[AtomicCheckpointIO(), *instantiate(cfg.plugins or [], _convert_="all")],
    )
    if resumed is not None:
        shapes = {name: tuple(tensor.shape) for name, tensor in module.model.state_dict().items()}
        require_fitting(resumed, shapes, data.step_of(trainer))
    if trainer.is_global_zero:
        require_room(module, run_dir)
        clear_unfinished(run_dir / CHECKPOINTS)
        begin_records(run_dir, resumed)
    begun.set()
    trainer.loggers = _instances(cfg.logger)
    if trainer.is_global_zero:
        _write_records(cfg, run_dir, data, trainer, resumed)
    with explained_failures(data):
        path = None if resumed is None else str(resumed.path)
        trainer.fit(module, datamodule=data, ckpt_path=path, weights_only=True)
    if trainer.is_global_zero and (run_dir / LOG_FILE).is_file():
        logs = [*kept(run_dir / LOG_FILE), run_dir / LOG_FILE]
        plot_training_curves(logs, run_dir / "curves.png")
    metrics = _summary(trainer)
    metrics["parameters_m"] = sum(p.numel() for p in module.model.parameters()) / 1e6
    if trainer.is_global_zero:
        finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
        write_json(finite, run_dir / SUMMARY_FILE)
    return metrics


def _write_records(
    cfg: DictConfig,
    run_dir: Path,
    data: YouTubeVISDataModule,
    trainer: pl.Trainer,
    resumed: Resumption | None,
) -> None:
    """What the run is made of, in its folder and for its loggers."""
    OmegaConf.save(cfg, run_dir / CONFIG_FILE, resolve=True)
    if (run_dir / HYDRA_OVERRIDES).is_file():  # another command would write over it
        shutil.copyfile(run_dir / HYDRA_OVERRIDES, run_dir / OVERRIDES_FILE)
    splits = {
        name: SplitFiles(path, images, [f for v in split.videos for f in v.file_names])
        for name, (split, path, images) in data.read_splits.items()
    }
    manifest = write_manifest(run_dir, cfg.seed, splits, Path.cwd(), resumed)
    for logger in trainer.loggers:
        logger.log_hyperparams({**_plain(cfg), "manifest": manifest})


def _instances(group: DictConfig | None) -> list[Any]:
    """What a group of settings names; an entry of null is one that is not wanted."""
    wanted = [entry for entry in (group or {}).values() if entry is not None]
    return [instantiate(entry, _convert_="all") for entry in wanted]


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


def build_module(
    cfg: DictConfig, data: YouTubeVISDataModule, resumed: Resumption | None = None
) -> SGNetModule:
    """The LightningModule of a composed config.

    Args:
        cfg: with the number of classes filled in.
        data: set up; its categories and input size go into every checkpoint.
        resumed: what will be gone on from, whose weights are the only ones then.

    Raises:
        ValueError: weights to start from do not exist or fit, or are needed and not given.
    """
    if cfg.model.backbone.norm == "frozen_batch" and not (cfg.model.weights or resumed):
        raise ValueError(
            "model.backbone.norm=frozen_batch needs pretrained weights (model.weights), got none; "
            "use model.backbone.norm=group to train from scratch"
        )
    model = build_model(cfg.model)
    if cfg.channels_last:
        model = model.to(memory_format=torch.channels_last)
    if resumed is not None:
        require_categories(resumed, [category.name for category in data.categories])
        model.location_offset = resumed.location_offset
    elif cfg.model.weights is not None:
        report = load_initial_weights(
            model,
            str(cfg.model.weights),
            [category.name for category in data.categories],
            cfg.model.location_offset,
        )
        log.info("weights to start from: %s", report.table())
        new = [name for name in report.initialised if name.startswith("backbone.pyramid.body")]
        if new and cfg.model.backbone.norm == "frozen_batch":
            raise ValueError(
                f"model.weights={cfg.model.weights} leaves {len(new)} tensors of the backbone as "
                f"they were drawn, first {new[0]!r}; model.backbone.norm=frozen_batch needs all"
            )
    cfg.model.location_offset = model.location_offset  # for replays of this run
    description = {
        "sgnet_version": __version__,
        "model": _description_of(model, cfg.model),
        **_plain(cfg.inference),
        "categories": [{"id": c.id, "name": c.name} for c in data.categories],
        "input_size": list(data.input_size),
        SETTINGS_KEY: _plain(cfg),
    }
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


def _summary(trainer: pl.Trainer) -> dict[str, float]:
    metrics = {k: float(v) for k, v in trainer.callback_metrics.items()}
    for callback in trainer.checkpoint_callbacks:
        score = getattr(callback, "best_model_score", None)
        if getattr(callback, "monitor", None) == "val/AP" and score is not None:
            metrics["best_AP"] = float(score)
    figures = {name: metrics.get(f"val/{name}") for name in LOGGED_STATS}
    log.info("last validation: %s, best AP: %s", figures, metrics.get("best_AP"))
    return metrics


def build_model(config: DictConfig) -> SGNet:
    """The network of conf/model, without the weights that it may start from.

    Args:
        config: `model` of a composed config.
    """
    model: SGNet = instantiate(_described(config), _convert_="all")
    return model


def _description_of(model: SGNet, config: DictConfig) -> dict[str, Any]:
    """The model's config with what it left to the weights, so that a checkpoint stands alone."""
    described = _described(config)
    taken = {n: list(getattr(model.backbone, n)) for n in PIXELS if n in described["backbone"]}
    backbone = {**described["backbone"], **taken}
    return {**described, "backbone": backbone, "location_offset": model.location_offset}


def _described(config: DictConfig) -> dict[str, Any]:
    return without_pretraining(_plain(config))


def _plain(config: DictConfig) -> dict[str, Any]:
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    return plain
