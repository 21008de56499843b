"""What is logged of a run, and where."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest
import torch
import wandb
from builders import tiny_run
from hydra import compose, initialize_config_dir

from sgnet.data.loading import resumable_loader
from sgnet.training.callbacks import NonFiniteGuard, ThroughputLog, ValidationPictures
from sgnet.training.lightning_module import SGNetModule
from sgnet.training.loggers import SteadyWandbLogger
from sgnet.training.training_run import train

ROOT = Path(__file__).parents[3]


def config(folder: Path, *overrides: str):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("train", tiny_run(folder, *overrides))


@pytest.fixture(scope="module")
def logged(tmp_path_factory) -> Path:
    """A run of a sweep that logs to CSV, W&B without a network, and TensorBoard."""
    folder = tmp_path_factory.mktemp("logged")
    tensorboard = "pytorch_lightning.loggers.TensorBoardLogger"
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "train.py"),
            *tiny_run(folder, "logger=wandb", "logger.wandb.offline=true"),
            f"+logger.tensorboard={{_target_: {tensorboard}, save_dir: {folder}/run, name: tb}}",
            f"hydra.run.dir={folder}/run",
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "SGNET_SWEEP": "a-sweep-of-mine"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "run"


def test_all_loggers_get_the_same_scalars(logged):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with (logged / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = {name for name in rows[0] if name not in ("step", "epoch")}
    terms = ("loss", "classification", "centerness", "box", "mask", "movement")
    figures = ("grad_norm", "images_per_s", "data_wait", "positives")
    assert {f"train/{name}" for name in (*terms, *figures)} <= names
    assert any(name.startswith("lr-") for name in names)
    (events,) = logged.glob("tb/version_0/events.*")
    board = EventAccumulator(str(events)).Reload()
    assert names <= set(board.Tags()["scalars"])
    for name in ("train/loss", "train/grad_norm", "val/AP"):
        by_csv = [float(row[name]) for row in rows if row[name]]
        assert [event.value for event in board.Scalars(name)] == pytest.approx(by_csv)
    (run,) = logged.glob("wandb/offline-run-*/run-*.wandb")
    content = run.read_bytes()
    assert all(name.encode() in content for name in names)
    # what a run was made of, and which runs belong together
    commit = json.loads((logged / "manifest.json").read_text())["git"]["commit"]
    assert b"a-sweep-of-mine" in content
    assert commit.encode() in content


def test_figures_of_speed_are_shares_and_rates(logged):
    with (logged / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["train/images_per_s"]]
    assert len(rows) == 4  # every step: log_every_n_steps=1
    assert all(float(row["train/images_per_s"]) > 0 for row in rows)
    assert all(0 <= float(row["train/data_wait"]) <= 1 for row in rows)


def test_dashboards_get_videos_with_masks_and_a_table_of_categories(logged):
    steps = sorted(path.name for path in (logged / "validation").iterdir())
    assert steps == ["step-000002", "step-000004"]
    sheet = cv2.imread(str(logged / "validation/step-000004/tracks.png"))
    assert sheet.shape[2] == 3
    videos = list(logged.glob("wandb/offline-run-*/files/media/videos/val/*.mp4"))
    assert len(videos) == 2
    capture = cv2.VideoCapture(str(videos[0]))
    assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 96
    tables = sorted(logged.glob("wandb/offline-run-*/files/media/table/val/*.json"))
    table = json.loads(tables[-1].read_text())
    assert table["columns"] == ["category", "AP", "AP50", "AP75", "AR1", "AR10"]
    assert {row[0] for row in table["data"]} >= {"disc", "ring", "heart"}


def test_without_a_network_a_run_is_logged_offline_and_resumes_as_the_same(tmp_path, monkeypatch):
    begin = wandb.init
    asked = []

    def unreachable(**settings):
        asked.append(settings["id"])
        if settings.get("mode") != "offline":
            raise wandb.errors.CommError("no route to host")
        return begin(**settings)

    monkeypatch.setattr(wandb, "init", unreachable)
    monkeypatch.setenv("WANDB_MODE", "online")
    logger = SteadyWandbLogger(tmp_path, group="")
    logger.log_metrics({"loss": 1.0}, step=1)
    (run,) = tmp_path.glob("wandb/offline-run-*")
    assert len(set(asked)) == 2  # W&B keeps the id of a run that it could not begin
    assert run.name.endswith(asked[1])
    assert SteadyWandbLogger(tmp_path)._id == asked[0]  # a part with a network goes on with it

    def breaks(*_, **__):
        raise RuntimeError("service died")

    monkeypatch.setattr(logger.experiment, "log", breaks)
    logger.log_metrics({"loss": 1.0}, step=2)  # no error
    wandb.finish()


def test_pictures_that_fail_do_not_fail_a_run(caplog):
    trainer = SimpleNamespace(
        sanity_checking=False, is_global_zero=True, global_step=3, datamodule=None, loggers=[]
    )
    module = object.__new__(SGNetModule)
    torch.nn.Module.__init__(module)
    module.val_metrics = None
    ValidationPictures("nowhere").on_validation_end(trainer, module)
    assert "no pictures of the validation at step 3" in caplog.text


def test_the_gradient_norm_is_that_before_clipping():
    logs = {}
    module = torch.nn.Linear(2, 1, bias=False)
    module.weight.grad = torch.tensor([[3.0, 4.0]])
    module.log = lambda name, value, **_: logs.update({name: float(value)})
    NonFiniteGuard("nowhere").on_before_optimizer_step(None, module, None)
    assert logs == {"train/grad_norm": 5.0}


class Clock:
    """Seconds that only move when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


def test_speed_counts_frames_of_all_processes_and_the_time_that_batches_took(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(resumable_loader, "time", clock)
    monkeypatch.setattr("sgnet.training.callbacks.throughput.time", clock)
    loader = object.__new__(resumable_loader.ResumableLoader)
    loader.waited = 0.0

    def batches():
        while True:
            clock.now += 1.0  # reading
            yield SimpleNamespace(names=["a", "b", "c"])

    read = resumable_loader._Timed(batches(), loader)
    trainer = SimpleNamespace(
        train_dataloader=loader,
        world_size=2,
        accumulate_grad_batches=1,
        log_every_n_steps=2,
        global_step=0,
    )
    logs = []
    module = SimpleNamespace(device=torch.device("cpu"), log_dict=lambda d, **_: logs.append(d))
    speed = ThroughputLog()
    speed.on_train_epoch_start(trainer, module)
    for step in range(4):
        batch = next(read)
        clock.now += 2.0  # training
        trainer.global_step = step + 1
        speed.on_train_batch_end(trainer, module, None, batch, step)
        if step == 1:
            clock.now += 50.0  # validation
            speed.on_validation_end(trainer, module)
    # two steps of 3 seconds: 2 x 3 pairs x 2 frames x 2 processes
    assert logs == [{"train/images_per_s": 4.0, "train/data_wait": pytest.approx(1 / 3)}] * 2


def test_fifty_steps_of_the_same_seed_have_bit_equal_losses(tmp_path):
    losses = []
    for name in ("first", "second"):
        folder = tmp_path / name
        train(
            config(
                folder,
                f"paths.data_dir={tmp_path}/data",
                "trainer.deterministic=true",
                "trainer.max_epochs=1",
                "data.samples_per_epoch=100",
                "data.num_workers=1",
                "small_steps=25",
                "trainer.limit_val_batches=0",
                "~callbacks.best",
            )
        )
        rows = csv.DictReader((folder / "run/metrics.csv").read_text().splitlines())
        losses.append([row["train/loss"] for row in rows if row["train/loss"]])
    assert len(losses[0]) == 50
    assert losses[0] == losses[1]
