"""What a run goes on from: its own settings, its own files, nothing lost."""

from __future__ import annotations

import csv
import json
import logging
import os
import shutil
from pathlib import Path

import pytest
import torch
from builders import tiny_run
from omegaconf import OmegaConf
from settings import settings_of

import sgnet.training.validation as validation
from sgnet.training.input_size import follow_input_size
from sgnet.training.resuming import KEPT, LENGTH, MEANS, PLACES, resumption
from sgnet.training.run_folder import begin_records
from sgnet.training.training_run import train

ROOT = Path(__file__).parents[2]


def settings(folder: Path, *overrides: str):
    cfg = settings_of("train", *tiny_run(folder, "trainer.max_epochs=1", *overrides))
    follow_input_size(cfg)  # as training does first
    return cfg


def validations_give(patch: pytest.MonkeyPatch, ap: float) -> None:
    own = validation.evaluate

    def evaluate(*arguments):
        metrics = own(*arguments)
        metrics.stats["AP"] = ap
        return metrics

    patch.setattr(validation, "evaluate", evaluate)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The folder of a run that was ended behind its first epoch, with an AP of one half."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        validations_give(patch, 0.5)
        train(settings(folder))
    (folder / "run/summary.json").unlink()
    return folder


def link_checkpoints(source: str, target: str) -> None:
    """They are large, and replaced where they are written."""
    (os.link if source.endswith(".ckpt") else shutil.copy2)(source, target)


def copied(trained: Path, tmp_path: Path) -> Path:
    (tmp_path / "data").symlink_to(trained / "data")
    shutil.copytree(trained / "run", tmp_path / "run", copy_function=link_checkpoints)
    return tmp_path


def rewrite(path: Path, **entries: object) -> None:
    """Replaces entries of a checkpoint."""
    content = torch.load(path, weights_only=True)
    path.unlink()  # a link
    torch.save(content | entries, path)


def states_of_files(folder: Path) -> dict[str, tuple[int, ...]]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    states = {str(path.relative_to(folder)): path.stat() for path in files}
    return {name: (s.st_ino, s.st_size, s.st_mtime_ns) for name, s in states.items()}


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("override", "difference"),
    [
        ("optim.optimizer.lr=1e-7", "optim.optimizer.lr: 0.0015 there, 1e-07 here"),
        ("optim.optimizer.weight_decay=0.5", "optim.optimizer.weight_decay"),
        ("optim=sgd_exponential", "optim.optimizer._target_"),
        ("model.backbone.channels=24", "model.backbone.channels: 16 there, 24 here"),
        ("criterion.box_loss=iou", "criterion.box_loss: log_giou there, iou here"),
        ("criterion.weights.mask=2", "criterion.weights.mask: 1.0 there, 2 here"),
        ("data.batch_size=4", "data.batch_size: 2 there, 4 here"),
        ("data.transform.steps.0.p=0.25", "data.transform.steps.0.p: 0.5 there, 0.25 here"),
        ("data.train_split=val", "data.train_split"),
        ("inference.tracker.max_age=3", "inference.tracker.max_age"),
        ("seed=1", "seed: 0 there, 1 here"),
        ("small_steps=0", "small_steps"),
        ("callbacks.ema.decay=0.5", "callbacks.ema.decay"),
        ("callbacks.ema=null", "callbacks.ema"),
        ("trainer.gradient_clip_val=1", "trainer.gradient_clip_val"),
        ("trainer.limit_val_batches=1", "trainer.limit_val_batches"),
        ("+data_of_mine=1", "data_of_mine: None there, 1 here"),  # no prefix of `data` is meant
    ],
)
@pytest.mark.parametrize("resume", ["auto", "last"])
def test_other_settings_are_refused_before_anything_is_written(
    trained, tmp_path, override, difference, resume
):
    folder = copied(trained, tmp_path)
    before = states_of_files(folder / "run")
    with pytest.raises(ValueError, match="trained with other settings") as refused:
        train(settings(folder, "trainer.max_epochs=2", f"resume={resume}", override))
    assert difference in str(refused.value)
    assert states_of_files(folder / "run") == before


def test_settings_come_from_the_checkpoint_itself(trained, tmp_path):
    folder = copied(trained, tmp_path)
    (folder / "run/config.yaml").unlink()
    with pytest.raises(ValueError, match="seed: 0 there, 1 here"):
        train(settings(folder, "resume=auto", "seed=1"))


@pytest.mark.parametrize("record", ["config.yaml", None])
def test_a_checkpoint_without_settings_is_asked_by_its_folder(trained, tmp_path, caplog, record):
    folder = copied(trained, tmp_path)
    path = folder / "run/checkpoints/last.ckpt"
    description = torch.load(path, weights_only=True)["sgnet"]
    del description["settings"]
    rewrite(path, sgnet=description)
    cfg = settings(folder, "resume=last", "seed=1")
    if record is None:
        (folder / "run/config.yaml").unlink()
        with caplog.at_level(logging.WARNING):
            assert resumption(cfg, folder / "run").changed == ()
        assert "does not say its settings" in caplog.text
    else:
        with pytest.raises(ValueError, match="seed: 0 there, 1 here"):
            resumption(cfg, folder / "run")


def test_what_may_differ_is_taken_told_and_recorded(trained, tmp_path, caplog, recwarn):
    folder = copied(trained, tmp_path)
    further = ("trainer.max_epochs=2", "data.frames_per_chunk=3", "data.num_workers=1")
    with caplog.at_level(logging.INFO):
        train(settings(folder, "resume=auto", *further))
    assert "trainer.max_epochs: 1 there, 2 here; taken from here on" in caplog.text
    assert not [str(w.message) for w in recwarn if "is not empty" in str(w.message)]
    used = OmegaConf.load(folder / "run/config.yaml")
    assert (used.trainer.max_epochs, used.data.frames_per_chunk) == (2, 3)
    assert OmegaConf.load(folder / "run/config.before-000.yaml").trainer.max_epochs == 1
    resumed = json.loads((folder / "run/manifest.json").read_text())["resumed"]
    changed = {"trainer.max_epochs": [1, 2], "data.frames_per_chunk": [8, 3]}
    assert resumed == {"step": 2, "changed": changed}
    stored = torch.load(folder / "run/checkpoints/last.ckpt", weights_only=True)
    assert stored["global_step"] == 4
    assert stored["sgnet"]["settings"]["data"]["frames_per_chunk"] == 3


def test_a_finished_run_can_be_made_longer_and_nothing_else(trained, tmp_path):
    folder = copied(trained, tmp_path)
    (folder / "run/summary.json").write_text('{"val/AP": 0.5}')
    assert train(settings(folder, "resume=auto")) == {"val/AP": 0.5}
    for other in ("seed=1", "data.frames_per_chunk=3", "trainer.max_epochs=0"):
        with pytest.raises(ValueError, match="finished run with other settings"):
            train(settings(folder, "resume=auto", other))
    assert train(settings(folder, "resume=auto", "trainer.max_epochs=2"))["val/AP"] != 0.5
    assert (folder / "run/summary.before-000.json").read_text() == '{"val/AP": 0.5}'
    assert len(list(csv.DictReader((folder / "run/metrics.csv").open()))) > 0


def test_a_length_below_what_is_trained_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match="has 2 steps already; expected trainer.max_steps"):
        train(settings(copied(trained, tmp_path), "resume=auto", "trainer.max_steps=1"))


def test_the_settings_that_may_differ_are_documented():
    page = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    missing = [name for name in (*PLACES, *LENGTH, *MEANS, *KEPT) if f"`{name}`" not in page]
    assert missing == []


def states(folder: Path, file: str = "last.ckpt") -> dict:
    content = torch.load(folder / "run/checkpoints" / file, weights_only=True)
    return {name: s for name, s in content["callbacks"].items() if name.startswith("ModelCheck")}


def paths_in(state: object) -> list[str]:
    """Every absolute path of a nested state."""
    if isinstance(state, dict):
        return [path for pair in state.items() for entry in pair for path in paths_in(entry)]
    return [state] if isinstance(state, str) and state.startswith("/") else []


@pytest.mark.parametrize("mounted", [False, True])
def test_the_best_stays_the_best_wherever_the_folder_lies(trained, tmp_path, monkeypatch, mounted):
    folder = copied(trained, tmp_path)
    assert paths_in(states(folder))  # Lightning's, of the folder that this is a copy of
    if mounted:
        (folder / "run").rename(tmp_path / "disk")
        (folder / "run").symlink_to(tmp_path / "disk")
    best, there = (
        (folder / "run/checkpoints/best.ckpt").read_bytes(),
        states_of_files(trained / "run"),
    )
    validations_give(monkeypatch, 0.25)
    metrics = train(settings(folder, "resume=auto", "trainer.max_epochs=2"))
    assert metrics["best_AP"] == 0.5
    assert (folder / "run/checkpoints/best.ckpt").read_bytes() == best
    own = str((folder / "run").resolve())
    assert all(path.startswith(own) for path in paths_in(states(folder)))
    assert states_of_files(trained / "run") == there


def test_a_better_one_takes_the_place_of_the_best_in_the_own_folder_only(
    trained, tmp_path, monkeypatch
):
    folder, there = copied(trained, tmp_path), states_of_files(trained / "run")
    validations_give(monkeypatch, 0.75)
    metrics = train(settings(folder, "resume=auto", "trainer.max_epochs=2"))
    assert metrics["best_AP"] == 0.75
    best = torch.load(folder / "run/checkpoints/best.ckpt", weights_only=True)
    assert best["global_step"] == 4
    assert states_of_files(trained / "run") == there


def test_a_run_that_goes_on_in_another_folder_takes_the_best_along(trained, tmp_path, monkeypatch):
    (tmp_path / "data").symlink_to(trained / "data")
    validations_give(monkeypatch, 0.25)
    resume = f"resume={trained}/run/checkpoints/last.ckpt"
    assert train(settings(tmp_path, resume, "trainer.max_epochs=2"))["best_AP"] == 0.5
    best = "run/checkpoints/best.ckpt"
    assert (tmp_path / best).read_bytes() == (trained / best).read_bytes()


def test_a_best_that_is_not_there_starts_anew_and_says_so(trained, tmp_path, monkeypatch, caplog):
    folder = copied(trained, tmp_path)
    (folder / "run/checkpoints/best.ckpt").unlink()
    validations_give(monkeypatch, 0.25)
    assert train(settings(folder, "resume=auto", "trainer.max_epochs=2"))["best_AP"] == 0.25
    assert "the best checkpoint (val/AP 0.5000) is not in" in caplog.text
    assert (folder / "run/checkpoints/best.ckpt").is_file()


def fill(folder: Path) -> dict[str, bytes]:
    """Records of a run in a folder, and what is nobody's record."""
    names = ("checkpoints/last.ckpt", "checkpoints/best.ckpt", "config.yaml", "metrics.csv")
    more = ("summary.json", "curves.png", "validation/a.png", "manifest.json", "failure.txt")
    more += ("metrics.before-000.csv", "config.before-001.yaml")
    others = ("train.log", ".hydra/overrides.yaml", "metrics of mine.csv", "own/metrics.csv")
    for name in (*names, *more, *others):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"step,a\n1,{name}\n")
    return {name: (folder / name).read_bytes() for name in (*names, *more)}


def test_a_new_run_keeps_all_of_the_run_before_together(tmp_path):
    begin_records(tmp_path, None)
    assert list(tmp_path.iterdir()) == []
    first = fill(tmp_path)
    begin_records(tmp_path, None)
    assert contents(tmp_path / "run.before-000") == first
    fill(tmp_path)
    shutil.rmtree(tmp_path / "run.before-000")
    (tmp_path / "run.before-004").mkdir()
    begin_records(tmp_path, None)
    assert contents(tmp_path / "run.before-005") == first
    assert (tmp_path / "metrics of mine.csv").is_file()
    assert (tmp_path / "own/metrics.csv").is_file()
    assert (tmp_path / "train.log").is_file()


def test_the_run_before_can_be_gone_on_with_where_it_was_put(trained, tmp_path, monkeypatch):
    folder = copied(trained, tmp_path)
    validations_give(monkeypatch, 0.25)
    train(settings(folder, "seed=1"))
    before = folder / "run/run.before-000"
    resume = ("resume=auto", f"paths.run_dir={before}", "trainer.max_epochs=2")
    assert train(settings(folder, *resume))["best_AP"] == 0.5


def test_a_start_that_is_refused_leaves_the_run_in_the_folder_as_it_is(trained, tmp_path):
    folder = copied(trained, tmp_path)
    before = states_of_files(folder / "run")
    with pytest.raises(ValueError, match="nothing.pth"):
        train(settings(folder, "model.weights=/nothing.pth"))
    assert states_of_files(folder / "run") == before


@pytest.mark.parametrize("torn", ["3,0.5", "3", "x,0.5,0.1", "3,0.5,0.1,9", "\0\0\0"])
def test_a_torn_line_of_the_log_is_left_out(trained, tmp_path, torn):
    folder = copied(trained, tmp_path)
    log = folder / "run/metrics.csv"
    log.unlink()  # a link
    log.write_text("step,a,b\n0,1,2\n1,1,2\n2,1,2\n" + torn)
    begin_records(folder / "run", resumption(settings(folder, "resume=auto"), folder / "run"))
    assert (folder / "run/metrics.before-000.csv").read_text().split() == [
        "step,a,b",
        "0,1,2",
        "1,1,2",
    ]


@pytest.mark.parametrize("value", ["soon", None, float("nan"), [1], {}])
def test_a_step_that_is_no_number_is_refused_by_file_and_entry(trained, tmp_path, value):
    folder = copied(trained, tmp_path)
    path = folder / "run/checkpoints/last.ckpt"
    rewrite(path, global_step=value)
    with pytest.raises(ValueError, match="last.ckpt.*global_step"):
        resumption(settings(folder, "resume=last"), folder / "run")


def test_weights_that_are_no_numbers_are_refused_before_anything_is_written(trained, tmp_path):
    folder = copied(trained, tmp_path)
    path = folder / "run/checkpoints/last.ckpt"
    weights = torch.load(path, weights_only=True)["state_dict"]
    weights["model.detection_head.class_logits.bias"][0] = float("nan")
    rewrite(path, state_dict=weights)
    before = states_of_files(folder / "run")
    with pytest.raises(ValueError, match="last.ckpt.*class_logits.bias"):
        train(settings(folder, "resume=last", "trainer.max_epochs=2"))
    assert states_of_files(folder / "run") == before


@pytest.mark.parametrize("loops", [None, {}, {"fit_loop": []}, {"fit_loop": {"state_dict": 1}}])
def test_progress_of_an_unknown_form_is_refused(trained, tmp_path, loops):
    folder = copied(trained, tmp_path)
    path = folder / "run/checkpoints/last.ckpt"
    rewrite(path, loops=loops)
    with pytest.raises(ValueError, match="last.ckpt must say how far its run was"):
        resumption(settings(folder, "resume=last"), folder / "run")
