from __future__ import annotations

import logging
import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from builders import tiny_run
from pytorch_lightning.callbacks import RichProgressBar

from sgnet.training.callbacks import ProgressLines, progress, training_progress
from sgnet.training.library_noise import without_library_noise

ROOT = Path(__file__).parents[3]


def trainer(step: int, shown: dict, total: float = 10) -> SimpleNamespace:
    return SimpleNamespace(
        global_step=step,
        estimated_stepping_batches=total,
        progress_bar_metrics=shown,
        callback_metrics={"train/images_per_s": torch.tensor(12.0)} if shown else {},
        sanity_checking=False,
    )


def test_a_line_tells_step_losses_ap_speed_and_time_left():
    shown = {"train/loss": 3.0, "train/box": 1.25, "train/mask": 1.75, "val/AP": 0.5, "v_num": ""}
    assert progress.line(trainer(4, shown), 4, 10, 90.0) == (
        "step 4/10, loss 3.000 (box 1.250, mask 1.750), last AP 0.500, 12.0 images/s, "
        "0:09:00 of training left"
    )
    assert progress.line(trainer(4, {}, float("inf")), 4, float("inf"), 90.0) == "step 4"


def test_lines_come_at_the_first_step_every_so_often_and_at_the_last(caplog, monkeypatch):
    seconds = iter(range(0, 1000, 10))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    lines = ProgressLines(seconds=30)
    with caplog.at_level(logging.INFO):
        lines.on_train_epoch_start(trainer(0, {}))
        for step in (1, 1, *range(2, 11)):  # 1 twice: half of an accumulated step
            lines.on_train_batch_end(trainer(step, {}))
    assert [re.match(r"step (\d+)", text)[1] for text in caplog.messages] == [
        "1",
        "3",
        "6",
        "9",
        "10",
    ]
    caplog.clear()
    lines.disable()
    lines.on_train_epoch_start(trainer(0, {}))
    lines.on_train_batch_end(trainer(1, {}))
    assert not caplog.messages


def test_epochs_that_are_shorter_than_the_time_between_lines_are_not_silent(caplog, monkeypatch):
    seconds = iter(range(0, 1000, 10))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    lines = ProgressLines(seconds=50)
    with caplog.at_level(logging.INFO):
        for step in range(1, 11):
            lines.on_train_epoch_start(trainer(step - 1, {}))
            lines.on_train_batch_end(trainer(step, {}))
            lines.on_validation_end(trainer(step, {}))
    assert 4 <= len(caplog.messages) < 10


@pytest.mark.parametrize(("terminal", "kind"), [(True, RichProgressBar), (False, ProgressLines)])
def test_a_terminal_gets_a_bar_and_a_file_gets_lines(monkeypatch, terminal, kind):
    monkeypatch.setattr(
        progress, "get_console", lambda: SimpleNamespace(is_terminal=terminal, is_jupyter=False)
    )
    assert type(training_progress()) is kind


def test_negative_seconds_are_refused():
    with pytest.raises(ValueError, match="seconds must not be negative, got -1"):
        ProgressLines(-1)


def test_a_first_run_without_a_terminal_shows_lines_and_no_noise_of_libraries(tmp_path):
    left_out = ("callbacks.progress", "enable_progress_bar", "paths.run_dir")
    own = [o for o in tiny_run(tmp_path) if not any(name in o for name in left_out)]
    run = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *own, f"hydra.run.dir={run}"],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    text = done.stdout + done.stderr
    for said in (r"step 1/4, loss \d+\.\d+ \(classification", r"step 4/4, .*last AP .*left"):
        assert re.search(said, text)
        assert re.search(said, (run / "train.log").read_text())
    for noise in ("LeafSpec", "litlogger", "weights_only", "is not empty", "100% of the batches"):
        assert noise not in text


def test_only_known_messages_are_kept_back():
    logger = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with without_library_noise():
                warnings.warn("Experiment logs directory x exists and is not empty.", stacklevel=1)
                warnings.warn("something else", stacklevel=1)
                logger.warning("try installing [litlogger](...)")
                logger.warning("news")
        logger.warning("`weights_only` was not set, defaulting to `False`.")
    finally:
        logger.removeHandler(handler)
    assert [str(w.message) for w in caught] == ["something else"]
    assert heard == ["news", "`weights_only` was not set, defaulting to `False`."]
