"""Runs go on without broken frames, up to a share of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from builders import tiny_run
from hydra import compose, initialize_config_dir

from sgnet.training.callbacks import BrokenFrameGuard
from sgnet.training.training_run import train

ROOT = Path(__file__).parents[3]


def batch(count: int, *problems: str):
    return SimpleNamespace(names=("x",) * count, replaced=problems)


def test_nothing_broken_is_no_reason_to_end():
    guard = BrokenFrameGuard(share=0.0, patience=1)
    for _ in range(5):
        guard.on_train_batch_start(None, None, batch(4), 0)


def test_each_frame_is_named_once_and_too_many_end_the_run(caplog):
    guard = BrokenFrameGuard(share=0.25, patience=8)
    guard.on_train_batch_start(None, None, batch(4, "a.jpg: cut", "b.jpg: cut"), 0)  # patience
    guard.on_train_batch_start(None, None, batch(4), 1)  # 2 of 8: at the limit
    assert caplog.text.count("a.jpg") == 1
    with pytest.raises(ValueError, match=r"5 of 12 .* at most 25.0% .*: a.jpg: cut; b.jpg: cut;"):
        guard.on_train_batch_start(
            None, None, batch(4, "a.jpg: cut", "a.jpg: cut", "b.jpg: cut"), 2
        )
    assert caplog.text.count("a.jpg") == 1


def test_a_resumed_run_goes_on_counting():
    guard, resumed = BrokenFrameGuard(share=0.25, patience=8), BrokenFrameGuard(0.25, patience=8)
    guard.on_train_batch_start(None, None, batch(4, "a.jpg: cut", "b.jpg: cut"), 0)
    resumed.load_state_dict(guard.state_dict())
    with pytest.raises(ValueError, match="3 of 8 .*: a.jpg: cut; b.jpg: cut;"):
        resumed.on_train_batch_start(None, None, batch(4, "a.jpg: cut"), 1)


def test_a_resumed_run_whose_files_were_repaired_goes_on():
    guard, resumed = BrokenFrameGuard(share=0.0, patience=8), BrokenFrameGuard(0.0, patience=8)
    guard.on_train_batch_start(None, None, batch(4, "a.jpg: cut"), 0)
    resumed.load_state_dict(guard.state_dict())
    resumed.on_train_batch_start(None, None, batch(8), 1)


def test_early_broken_frames_count_once_patience_is_over():
    guard = BrokenFrameGuard(share=0.1, patience=8)
    guard.on_train_batch_start(None, None, batch(4, "a.jpg: cut"), 0)
    with pytest.raises(ValueError, match="1 of 8 .*: a.jpg: cut;"):
        guard.on_train_batch_start(None, None, batch(4), 1)


def test_a_share_beyond_one_is_refused():
    with pytest.raises(ValueError, match="share"):
        BrokenFrameGuard(share=2)


def test_a_run_replaces_a_broken_frame_and_ends_where_none_are_allowed(tmp_path, caplog):
    def run(*overrides):
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            return train(compose("train", tiny_run(tmp_path, "trainer.max_epochs=1", *overrides)))

    run()
    for path in (tmp_path / "data/shapes_small/train/JPEGImages/00001").glob("*.jpg"):
        path.write_bytes(b"no image")
    again = ("data.samples_per_epoch=12", "callbacks.broken_frames.share=1")
    metrics = run(*again, f"paths.run_dir={tmp_path}/again")
    assert metrics["train/replaced_pairs"] > 0
    assert "00001/0000" in caplog.text
    with pytest.raises(ValueError, match="clip pairs have broken frames"):
        run(
            "data.samples_per_epoch=12",
            "callbacks.broken_frames.share=0",
            "callbacks.broken_frames.patience=1",
            f"paths.run_dir={tmp_path}/strict",
        )
