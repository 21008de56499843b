"""Runs that are killed, told to end, or fed with what is not finite."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from builders import tiny_run
from hydra import compose, initialize_config_dir

from sgnet.checkpoints.writing import AtomicCheckpointIO, newest_checkpoint, require_room
from sgnet.training.training_run import train

ROOT = Path(__file__).parents[2]
# six batches an epoch, read by a process of their own
LONG = (
    "callbacks.ema.decay=0.9",
    "callbacks.ema.update_every_n_steps=1",
    "data.samples_per_epoch=12",
    "data.num_workers=1",
    "+trainer.enable_checkpointing=true",
    "trainer.limit_val_batches=2",
)
# a callback of the test's own, put into the process that trains
KILLER = """
import os, signal, sys
import pytorch_lightning as pl
sys.path.insert(0, {root!r})
class Killer(pl.Callback):
    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == {at}:
            os.killpg(0, {signal})  # loader processes hear it too
import hydra.utils
import sgnet.training
own = pl.Trainer
class Trainer(own):
    def __init__(self, *args, callbacks=(), **settings):
        super().__init__(*args, callbacks=[Killer(), *callbacks], **settings)
pl.Trainer = Trainer
sys.argv[0] = {root!r} + "/train.py"
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(folder: Path, *overrides: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    start = [str(ROOT / "train.py")] if code is None else ["-c", code]
    return subprocess.run(
        [sys.executable, *start, *tiny_run(folder, *overrides), f"hydra.run.dir={folder}/run"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        start_new_session=True,
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "run/checkpoints/last.ckpt", weights_only=True)["state_dict"]


def losses(folder: Path) -> list[tuple[str, str]]:
    logs = [*sorted((folder / "run").glob("metrics.before-*.csv")), folder / "run/metrics.csv"]
    rows = [row for log in logs for row in csv.DictReader(log.read_text().splitlines())]
    return [(row["step"], row["train/loss"]) for row in rows if row["train/loss"]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    done = run(folder, *LONG)
    assert done.returncode == 0, done.stderr
    return folder


def assert_same_weights(folder: Path, whole: Path) -> None:
    for name, value in weights(whole).items():
        torch.testing.assert_close(weights(folder)[name], value, rtol=0, atol=0, msg=name)


@pytest.mark.parametrize(
    ("epoch", "batch", "told_by"), [(0, 3, signal.SIGTERM), (1, 1, signal.SIGHUP)]
)
def test_a_run_that_is_told_to_end_goes_on_to_the_same_weights(
    whole, tmp_path, epoch, batch, told_by
):
    (tmp_path / "data").symlink_to(whole / "data")
    code = KILLER.format(root=str(ROOT), at=(epoch, batch), signal=int(told_by))
    told = run(tmp_path, *LONG, "resume=auto", code=code)
    assert told.returncode == 75, told.stderr
    assert "saved to" in told.stderr
    again = run(tmp_path, *LONG, "resume=auto")
    assert again.returncode == 0, again.stderr
    assert_same_weights(tmp_path, whole)
    assert losses(tmp_path) == losses(whole)  # none is lost, none twice
    assert not (tmp_path / "run/checkpoints/interval.ckpt").exists()


def test_a_killed_run_goes_on_from_what_it_saved_by_time(whole, tmp_path):
    (tmp_path / "data").symlink_to(whole / "data")
    code = KILLER.format(root=str(ROOT), at=(1, 2), signal=int(signal.SIGKILL))
    often = "callbacks.interruption.minutes=1e-9"
    killed = run(tmp_path, *LONG, often, "resume=auto", code=code)
    assert killed.returncode == -signal.SIGKILL
    saved = torch.load(tmp_path / "run/checkpoints/interval.ckpt", weights_only=True)
    assert saved["global_step"] > 6
    torn = tmp_path / "run/checkpoints/.interval.ckpt.12345678.tmp"
    torn.write_bytes(b"half")  # killed while it wrote
    (tmp_path / "run/checkpoints/broken.ckpt").write_bytes(b"half")
    again = run(tmp_path, *LONG, "resume=auto")
    assert again.returncode == 0, again.stderr
    assert "broken.ckpt" in again.stdout + again.stderr
    assert not torn.exists()
    assert_same_weights(tmp_path, whole)


def test_steps_that_a_killed_run_makes_again_are_logged_once(whole, tmp_path):
    (tmp_path / "data").symlink_to(whole / "data")
    code = KILLER.format(root=str(ROOT), at=(1, 3), signal=int(signal.SIGKILL))
    at_once = "logger.csv.flush_logs_every_n_steps=1"
    assert run(tmp_path, *LONG, at_once, "resume=auto", code=code).returncode == -signal.SIGKILL
    steps = [int(step) for step, _ in losses(tmp_path)]
    assert max(steps) > 6  # behind the checkpoint of the first epoch
    assert run(tmp_path, *LONG, at_once, "resume=auto").returncode == 0
    assert losses(tmp_path) == losses(whole)
    assert_same_weights(tmp_path, whole)


def test_a_new_run_in_the_folder_of_an_old_one_does_not_go_on_from_it(whole, tmp_path):
    (tmp_path / "data").symlink_to(whole / "data")
    shutil.copytree(whole / "run", tmp_path / "run")
    done = run(tmp_path, *LONG, "seed=5", "trainer.max_epochs=1")
    assert done.returncode == 0, done.stderr
    assert newest_checkpoint(tmp_path / "run/checkpoints") == tmp_path / "run/checkpoints/last.ckpt"
    new = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert new["global_step"] == 6
    assert (tmp_path / "run/run.before-000/checkpoints/last.ckpt").is_file()


def test_a_run_whose_last_epoch_is_not_validated_leaves_its_weights(whole, tmp_path):
    (tmp_path / "data").symlink_to(whole / "data")
    done = run(tmp_path, *LONG, "trainer.check_val_every_n_epoch=2", "trainer.max_steps=9")
    assert done.returncode == 0, done.stderr
    kept = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    assert kept["global_step"] == 9


def test_a_finished_run_is_not_run_again(whole):
    before = (whole / "run/checkpoints/last.ckpt").stat().st_mtime_ns
    done = run(whole, *LONG, "resume=auto")
    assert done.returncode == 0, done.stderr
    assert (whole / "run/checkpoints/last.ckpt").stat().st_mtime_ns == before
    assert "val/AP" in json.loads((whole / "run/summary.json").read_text())


def test_a_signal_queues_a_slurm_job_again(whole, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(whole / "data")
    scontrol = tmp_path / "bin/scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{scontrol.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_JOB_NAME", "bash")  # Lightning: started by hand
    code = KILLER.format(root=str(ROOT), at=(0, 1), signal=int(signal.SIGUSR1))
    assert run(tmp_path, *LONG, code=code).returncode == 75
    assert (tmp_path / "asked").read_text() == "requeue 17\n"


def test_a_process_killed_while_it_writes_leaves_the_checkpoint_of_before(tmp_path):
    code = f"""
import torch
from sgnet.checkpoints.writing import AtomicCheckpointIO
writer = AtomicCheckpointIO()
number = 0
while True:
    number += 1
    content = {{"number": number, "x": torch.full((4_000_000,), number)}}
    writer.save_checkpoint(content, r"{tmp_path}/a.ckpt")
    print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    until = time.monotonic() + 20
    while not list(tmp_path.glob(".*.tmp")) and time.monotonic() < until:
        pass
    process.kill()
    process.wait()
    content = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert (content["x"] == content["number"]).all()


def test_a_full_disk_keeps_the_checkpoint_of_before(tmp_path):
    code = f"""
import resource, torch
from sgnet.checkpoints.writing import AtomicCheckpointIO
writer = AtomicCheckpointIO()
writer.save_checkpoint({{"number": 1}}, r"{tmp_path}/a.ckpt")
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    writer.save_checkpoint({{"number": 2, "x": torch.zeros(10**6)}}, r"{tmp_path}/a.ckpt")
except OSError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert "cannot be written" in done.stdout
    assert "of before is kept" in done.stdout
    assert torch.load(tmp_path / "a.ckpt", weights_only=True) == {"number": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


def test_too_small_a_disk_is_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10**6}))
    with pytest.raises(OSError, match="must have room for checkpoints, expected 61 MB, got 0 MB"):
        require_room(torch.nn.Linear(1000, 1000), tmp_path)


def test_the_newest_whole_checkpoint_of_ours_is_taken(whole, tmp_path):
    assert newest_checkpoint(tmp_path) is None
    content = torch.load(whole / "run/checkpoints/last.ckpt", weights_only=True)
    for name, step in (("a", 5), ("b", 7), ("c", 6)):
        AtomicCheckpointIO().save_checkpoint(
            content | {"global_step": step}, tmp_path / f"{name}.ckpt"
        )
    (tmp_path / "d.ckpt").write_bytes(b"torn")
    assert newest_checkpoint(tmp_path) == tmp_path / "b.ckpt"


def config(overrides: list[str]):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("train", overrides)


def poison(monkeypatch, steps: set[int]) -> None:
    """Gives steps a loss that is not a number."""
    from sgnet.training.lightning_module import SGNetModule

    own = SGNetModule.training_step
    calls = iter(range(1000))

    def poisoned(self, batch, batch_idx):
        loss = own(self, batch, batch_idx)
        return loss * float("nan") if next(calls) in steps else loss

    monkeypatch.setattr(SGNetModule, "training_step", poisoned)


def test_a_step_that_is_not_finite_is_skipped_and_counted(whole, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(whole / "data")
    poison(monkeypatch, {1, 3})
    metrics = train(config(tiny_run(tmp_path, *LONG)))
    assert metrics["train/skipped_steps"] == 2
    assert all(torch.isfinite(value).all() for value in weights(tmp_path).values())


def replayed(dump: Path) -> dict:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/replay.py"), f"dump={dump}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_many_in_a_row_end_the_run_with_a_dump_that_can_be_replayed(whole, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(whole / "data")
    poison(monkeypatch, {1, 2, 3})
    with pytest.raises(ValueError, match=r"3 steps in a row .*sgnet replay dump="):
        train(config(tiny_run(tmp_path, *LONG, "callbacks.non_finite.limit=3")))
    (dump,) = (tmp_path / "run/non_finite").glob("*.pt")
    report = replayed(dump)
    content = torch.load(dump, weights_only=True)
    assert report["step"] == content["step"]
    (batch,) = report["batches"]
    assert batch["frames"] == list(content["batches"][0]["names"])
    assert len(batch["seeds"]) == 2
    assert batch["layers"] == batch["gradients"] == []  # it was the test that spoiled the loss
    assert 0 < batch["losses"]["mask"] < 10


def test_a_dump_of_weights_that_are_not_finite_names_the_layer(whole, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(whole / "data")
    poison(monkeypatch, {0})
    with pytest.raises(ValueError, match="1 steps in a row"):
        train(config(tiny_run(tmp_path, *LONG, "callbacks.non_finite.limit=1")))
    (dump,) = (tmp_path / "run/non_finite").glob("*.pt")
    # one that runs on whole maps, one that runs at the locations of instances alone
    for layer in ("detection_head.class_logits", "mask_head.spatial_attention.scores"):
        content = torch.load(dump, weights_only=True)
        content["state_dict"][f"model.{layer}.bias"][0] = float("inf")
        torch.save(content, dump.with_name("spoiled.pt"))
        (batch,) = replayed(dump.with_name("spoiled.pt"))["batches"]
        assert batch["layers"][0] == layer
        assert f"{layer}.weight" in batch["gradients"]


def test_memory_that_runs_out_says_what_to_lower(whole, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(whole / "data")

    def greedy(self, batch, batch_idx):
        return torch.zeros(10**15)

    monkeypatch.setattr("sgnet.training.lightning_module.SGNetModule.training_step", greedy)
    with pytest.raises(ValueError, match="out of memory: .*lower .*accumulate_grad_batches"):
        train(config(tiny_run(tmp_path, *LONG)))


def test_a_loader_process_that_dies_names_the_sample(whole, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(whole / "data")
    from sgnet.data.clips.clip_pairs import ClipPairDataset

    own = ClipPairDataset._frame

    def deadly(self, video_index, frame):
        if video_index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return own(self, video_index, frame)

    monkeypatch.setattr(ClipPairDataset, "_frame", deadly)
    with pytest.raises(ValueError, match=r"DataLoader worker .*begun to read .*\.jpg"):
        train(config(tiny_run(tmp_path, *LONG)))


def test_a_loader_process_that_dies_in_a_validation_names_its_frame(whole, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(whole / "data")
    from sgnet.data.loading.video_chunks import VideoChunkDataset

    videos = []
    own = VideoChunkDataset.__getitem__

    def deadly(self, index):
        self._reading.note(index)
        os.kill(os.getpid(), signal.SIGKILL)
        return own(self, index)

    monkeypatch.setattr(VideoChunkDataset, "__getitem__", deadly)
    made = VideoChunkDataset.__init__
    monkeypatch.setattr(
        VideoChunkDataset,
        "__init__",
        lambda self, found, *rest: (videos.extend(found), made(self, found, *rest))[1],
    )
    with pytest.raises(ValueError, match=r"begun to read .*\.jpg") as caught:
        train(config(tiny_run(tmp_path, *LONG)))
    assert videos[0].file_names[0] in str(caught.value)
