"""Sweeps with `-m`, started as a user starts them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from builders import tiny_run
from filelock import FileLock

from sgnet.reports.runs import find_runs
from sgnet.training.run_folder import sole_run
from sgnet.training.sweeps import PER_GPU, SweepMember, claimed_gpu, visible_gpus

ROOT = Path(__file__).parents[2]


def sweep(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    own = [o for o in tiny_run(folder) if not o.startswith("paths.run_dir")]
    return subprocess.run(
        [
            sys.executable,
            str(ROOT / "train.py"),
            "-m",
            *own,
            "trainer.max_epochs=1",
            "resume=auto",
            f"hydra.sweep.dir={folder}/sweep",
            "hydra.sweep.subdir=run-${hydra.job.num}",
            *overrides,
        ],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "5,6", "OMP_NUM_THREADS": "1"},
    )


def test_a_failed_run_does_not_end_the_sweep_and_the_same_command_finishes_what_is_left(tmp_path):
    start = tmp_path / "start.ckpt"
    command = (f"model.weights={start},null", "seed=3")
    refused = (
        "model.weights: expected null, imagenet, coco_fcos, a name of torchvision's weight enum or "
        f"a file, got '{start}'"
    )
    done = sweep(tmp_path, *command)
    assert done.returncode == 1
    assert f"run 0 failed: {refused}" in done.stdout
    failed, whole = find_runs(tmp_path / "sweep")
    assert failed.problem == f"failed: {refused}"
    assert whole.problem is None
    summary = whole.folder / "summary.json"
    before = summary.stat().st_mtime_ns

    shutil.copy(whole.folder / "checkpoints/last.ckpt", start)
    again = sweep(tmp_path, *command)
    assert again.returncode == 0, again.stdout + again.stderr
    assert [run.problem for run in find_runs(tmp_path / "sweep")] == [None, None]
    assert summary.stat().st_mtime_ns == before  # not run again
    # with other settings, a finished run is not taken for what was asked for
    other = sweep(tmp_path, *command, "optim.optimizer.lr=0.5")
    assert other.returncode == 1
    assert "holds a finished run with other settings (optim.optimizer.lr: 0.0" in other.stderr
    assert [run.problem for run in find_runs(tmp_path / "sweep")] == [None, None]  # as it was


def test_each_run_beside_another_gets_a_gpu_of_its_own(tmp_path):
    done = sweep(tmp_path, "hydra/launcher=per_gpu", "hydra.launcher.n_jobs=2", "seed=0,1")
    assert done.returncode == 0, done.stdout + done.stderr
    runs = find_runs(tmp_path / "sweep")
    assert [run.problem for run in runs] == [None, None]
    given = [
        json.loads((run.folder / "manifest.json").read_text())["hardware"]["visible_gpus"]
        for run in runs
    ]
    assert sorted(given) == ["5", "6"]
    assert all("best AP" in (run.folder / "output.txt").read_text() for run in runs)
    alone = sweep(tmp_path / "alone", "seed=1", f"paths.data_dir={tmp_path}/data")
    assert alone.returncode == 0
    weights = [
        torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for folder in (runs[1].folder, tmp_path / "alone/sweep/run-0")
    ]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_processes_that_train_together_do_so_in_each_run_of_a_sweep(tmp_path):
    together = ("trainer.accelerator=cpu", "trainer.devices=2", "+trainer.strategy=ddp")
    done = sweep(tmp_path, *together, "trainer.limit_val_batches=1.0", "seed=0,1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [run.problem for run in find_runs(tmp_path / "sweep")] == [None, None]
    assert done.stdout.count("GLOBAL_RANK") + done.stderr.count("GLOBAL_RANK") == 4


def member(launcher: str) -> SweepMember:
    return SweepMember("0", (), "train", "conf", (), Path("run"), Path("sweep"), launcher)


def test_a_claimed_gpu_is_not_given_out_again_before_it_is_free(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "41, 42")
    assert visible_gpus() == ["41", "42"]
    with claimed_gpu(member(PER_GPU)) as first:
        with claimed_gpu(member(PER_GPU)) as second:
            assert [first, second] == ["41", "42"]
        with claimed_gpu(member(PER_GPU)) as third:
            assert third == "42"
    with claimed_gpu(member("basic")) as none:
        assert none is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with claimed_gpu(member(PER_GPU)) as none:
        assert none is None


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    refused = pytest.raises(ValueError, match="another process trains in this folder")
    with FileLock(tmp_path / ".lock"), refused, sole_run(tmp_path):
        pass
    with sole_run(tmp_path):
        pass


def test_signals_reach_the_run_and_then_the_launchers_own_handler(tmp_path):
    """As under submitit, whose handler queues the job again."""
    code = f"""
import os, signal, subprocess, sys, threading, time
from sgnet.training import sweeps
child = subprocess.Popen([sys.executable, "-c", '''
import signal, sys, time
def save(*_):
    open({str(tmp_path / "saved")!r}, "w").close()
    sys.exit(75)
signal.signal(signal.SIGUSR2, save)
open({str(tmp_path / "ready")!r}, "w").close()
time.sleep(60)
'''])
def launcher(number, frame):
    print("queued again", os.path.exists({str(tmp_path / "saved")!r}))
signal.signal(signal.SIGUSR2, launcher)
def warn():
    while not os.path.exists({str(tmp_path / "ready")!r}):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGUSR2)
threading.Thread(target=warn).start()
print("status", sweeps._outcome(child))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.splitlines() == ["queued again True", "status 75"], done.stderr
