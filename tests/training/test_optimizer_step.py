"""A step's gradient and losses, however its clip pairs are shared out."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from builders import make_targets, tiny_criterion, tiny_model
from recorded_steps import data_of, run, sgd_module, write_pairs
from torch import Tensor

from sgnet.data.loading import resumable_loader
from sgnet.structures import ClipPairBatch
from sgnet.training import lightning_module
from sgnet.training.callbacks import NonFiniteGuard
from sgnet.training.optimizer_step import OptimizerStep
from sgnet.training.replay import StepSettings, replay


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"))


def one_batch(root: Path, names: list[str]) -> dict[str, Tensor]:
    """Gradient of the pairs with these names as one batch, without any trainer."""
    data = data_of(root, 8)
    data.setup("fit")
    (batch,) = data.train_dataloader()
    order = torch.tensor([batch.names.index(name) for name in names])
    targets = [reordered(part, order) for part in (batch.key_targets, batch.reference_targets)]
    chosen = ClipPairBatch(
        batch.key_images[order], batch.reference_images[order], *targets, tuple(names)
    )
    trained = sgd_module().train()
    losses = lightning_module.pair_losses
    losses(trained.model, trained.criterion, chosen, False, (0,)).total.backward()
    return {name: p.grad for name, p in trained.named_parameters()}


def reordered(targets, order):
    frames = targets.valid.nonzero()[:, 0]
    rows = [torch.nonzero(frames == frame)[:, 0] for frame in order]
    values = {
        name: getattr(targets, name)[order]
        for name in ("boxes_xyxy", "labels", "track_ids", "valid", "movements", "in_both")
    }
    return replace(targets, **values, masks=targets.masks[torch.cat(rows)])


def names_of(pairs: list[tuple[str, ...]]) -> list[str]:
    return [name for batch in pairs for name in batch]


def assert_same_gradients(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """Equal but for the order of sums: to 1e-4 of each tensor's length."""
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        error = float((got[name] - value).norm())
        assert error <= 1e-4 * float(value.norm()) + 1e-7, (name, error, float(value.norm()))


def assert_same_losses(got: dict[str, float], expected: dict[str, float]) -> None:
    terms = ("loss", "classification", "centerness", "box", "mask", "movement")
    for name in terms:
        value = expected[f"train/{name}"]
        assert got[f"train/{name}"] == pytest.approx(value, rel=1e-4), name
        assert value > 0


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("small_steps", [0, 1])
def test_accumulated_batches_give_the_gradient_of_one_large_batch(root, both_ways, small_steps):
    settings = {"both_ways": both_ways, "small_steps": small_steps}
    whole = run(root, 8, trained=sgd_module(**settings))
    assert len(whole.gradients) == 1
    for accumulated in (2, 8):
        shares = run(root, 8, accumulated, trained=sgd_module(**settings))
        assert names_of(shares.pairs) == list(whole.pairs[0])
        assert len(shares.gradients) == 1
        assert_same_gradients(shares.gradients[0], whole.gradients[0])
        assert_same_losses(shares.losses[0], whole.losses[0])


def trained_by_two(rank: int, root: Path, accumulated: int) -> None:
    """One of two processes of a trainer."""
    recorder = run(root, 8, accumulated, strategy="ddp", devices=2)
    torch.save((recorder.gradients, recorder.losses, recorder.pairs), root / f"{rank}.pt")


def by_two_processes(root: Path, accumulated: int) -> list[tuple]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
    call = f"""
import sys, pathlib
sys.path[:0] = {where}
import test_optimizer_step as here
here.trained_by_two({{rank}}, pathlib.Path({str(root)!r}), {accumulated})
"""
    known = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", call.format(rank=rank)],
            env={**os.environ, **known, "LOCAL_RANK": str(rank)},
        )
        for rank in (0, 1)
    ]
    assert [process.wait(180) for process in processes] == [0, 0]
    return [torch.load(root / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.mark.parametrize("accumulated", [1, 4])
def test_two_processes_give_the_gradient_of_one_large_batch(tmp_path, accumulated):
    root = write_pairs(tmp_path)
    whole = run(root, 8)
    parts = by_two_processes(root, accumulated)
    trained = [name for _, _, pairs in parts for name in names_of(pairs)]
    assert sorted(trained) == sorted(whole.pairs[0])
    for gradients, _, pairs in parts:
        assert len(pairs) == accumulated
        assert_same_gradients(gradients[0], whole.gradients[0])
    means = {
        name: sum(losses[0][name] for _, losses, _ in parts) / 2
        for name in whole.losses[0]
        if name != "train/positives"
    }
    assert_same_losses(means, whole.losses[0])


def test_the_last_step_of_an_epoch_counts_for_what_it_has(root):
    shares = run(root, 4, 4, limit_train_batches=6)
    assert [len(shares.pairs), len(shares.gradients)] == [6, 2]
    assert shares.losses[1]["train/mask"] > 0
    for gradients, pairs in zip(
        shares.gradients, (shares.pairs[:4], shares.pairs[4:]), strict=True
    ):
        assert_same_gradients(gradients, one_batch(root, names_of(pairs)))


class Saver(pl.Callback):
    """Saves behind some batches of the first epoch."""

    def __init__(self, folder: Path, *batches: int) -> None:
        self.folder = folder
        self.batches = batches

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if batch_idx in self.batches and trainer.current_epoch == 0:
            trainer.save_checkpoint(self.folder / f"{batch_idx}.ckpt")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_goes_on_within_an_epoch_accumulates_the_same(root, tmp_path, workers):
    settings = {"max_epochs": 2, "num_workers": workers}
    whole = run(root, 4, 2, trained=sgd_module(0.01), callbacks=(Saver(tmp_path, 1),), **settings)
    rest = run(root, 4, 2, trained=sgd_module(0.01), resume=tmp_path / "1.ckpt", **settings)
    assert [len(recorder.gradients) for recorder in (whole, rest)] == [4, 3]
    for got, expected in zip(rest.gradients, whole.gradients[1:], strict=True):
        assert all(torch.equal(got[name], value) for name, value in expected.items())


def test_a_checkpoint_within_a_step_goes_on_with_the_rest_of_it(root, tmp_path):
    run(root, 4, 4, callbacks=(Saver(tmp_path, 0),))
    rest = run(root, 4, 4, resume=tmp_path / "0.ckpt")
    assert [len(rest.pairs), len(rest.gradients)] == [7, 2]
    assert all(losses["train/mask"] > 0 for losses in rest.losses)
    for gradients, pairs in zip(rest.gradients, (rest.pairs[:3], rest.pairs[3:]), strict=True):
        assert_same_gradients(gradients, one_batch(root, names_of(pairs)))


def test_a_batch_that_is_a_whole_step_is_divided_by_its_own_counts(root):
    whole = run(root, 8)
    alone = one_batch(root, names_of(whole.pairs))
    assert all(torch.equal(whole.gradients[0][name], value) for name, value in alone.items())


def test_a_loader_that_does_not_tell_what_follows_is_refused(root, monkeypatch):
    monkeypatch.setattr(resumable_loader, "with_following", lambda batches, *_: batches)
    with pytest.raises(ValueError, match="expected 3, got 0"):
        run(root, 8, 4)


class Spoiler(pl.Callback):
    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        next(pl_module.parameters()).grad.fill_(torch.nan)


@pytest.mark.parametrize("small_steps", [0, 1])
def test_a_dumped_step_is_replayed_with_its_size_and_its_denominators(
    root, tmp_path, monkeypatch, small_steps
):
    own, found = lightning_module.pair_losses, []

    def noted(*arguments):
        terms = own(*arguments)
        found.append({name: float(value) for name, value in terms.named().items()})
        return terms

    monkeypatch.setattr(lightning_module, "pair_losses", noted)
    callbacks = (Spoiler(), NonFiniteGuard(tmp_path, limit=1))
    trained = sgd_module(both_ways=True, small_steps=small_steps)
    with pytest.raises(ValueError, match="sgnet replay dump="):
        run(root, 8, 4, trained, callbacks)
    (dump,) = tmp_path.glob("*.pt")
    parts = (trained.model, trained.criterion, StepSettings(True, small_steps, 2, seed=0))
    report = replay(dump, *parts)
    assert [batch["losses"] for batch in report["batches"]] == found
    assert len(found) == 4
    content = torch.load(dump, weights_only=True)
    assert all(batch["following"] == () for batch in content["batches"])
    torch.save(content | {"counts": {"positives": "many"}}, dump)
    with pytest.raises(ValueError, match="not a dump of a step"):
        replay(dump, *parts)


@pytest.mark.parametrize("objects", [[[]], [[(4, 4, 40, 40)]]])
def test_one_process_sums_its_own_counts(objects):
    grid = tiny_model()(torch.zeros(1, 3, 64, 96)).grid
    criterion = tiny_criterion()
    own = criterion.counts(grid, make_targets(objects))
    more = make_targets([[(10, 20, 90, 60)], []]).without_masks()
    other = criterion.counts(grid, more)
    step = OptimizerStep(batches=2, processes=3)
    counts = step.denominators(criterion, [(more, False)], grid, own)
    for name in ("positives", "box_weights", "shared"):
        together = getattr(own, name) + getattr(other, name)
        assert float(getattr(counts, name)) == pytest.approx(float(together) / 6)
    assert step.denominators(criterion, [], grid, other) is counts


def test_a_batch_of_the_other_orientation_is_counted_on_its_own_locations():
    boxes = [(4.0, 40.0, 44.0, 90.0), (2.0, 4.0, 50.0, 30.0)]  # beyond a landscape frame's height
    landscape = tiny_model()(torch.zeros(1, 3, 64, 96)).grid
    upright = tiny_model()(torch.zeros(1, 3, 96, 64)).grid
    criterion = tiny_criterion()
    targets = make_targets([boxes], (96, 64)).without_masks()
    expected = criterion.counts(upright, targets)
    nothing = criterion.counts(landscape, make_targets([[]]))
    assert float(criterion.counts(landscape, targets).positives) != float(expected.positives)
    step = OptimizerStep(batches=2, processes=1)
    counts = step.denominators(criterion, [(targets, True)], landscape, nothing)
    torch.testing.assert_close(counts.stacked(), expected.stacked() / 2)
