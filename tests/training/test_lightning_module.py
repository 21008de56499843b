from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import pytorch_lightning as pl
import torch
from builders import make_targets, tiny_criterion, tiny_model
from recorded_steps import run, sgd_module, write_pairs

from sgnet.models import SGNet
from sgnet.structures import ClipPairBatch, DenseOutputs
from sgnet.training.lightning_module import pair_losses


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("pairs"))


@dataclass
class NotingCriterion:
    """Computes the losses and keeps what it was given."""

    outputs: list[DenseOutputs] = field(default_factory=list)
    autocast: list[bool] = field(default_factory=list)

    def __call__(self, outputs, targets, instance_masks, of_step):
        self.outputs.append(outputs)
        self.autocast.append(torch.is_autocast_enabled("cpu"))
        return tiny_criterion()(outputs, targets, instance_masks, of_step)


def test_losses_are_computed_in_float32_where_the_network_runs_in_half():
    torch.manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    targets = make_targets([[(4, 4, 40, 40)], [(10, 20, 90, 60)]])
    batch = ClipPairBatch(images, images.flip(0), targets, targets, ("a", "b"))
    noting, model = NotingCriterion(), tiny_model()
    with torch.autocast("cpu", torch.bfloat16):
        half = model.forward_pairs(batch.key_images, batch.reference_images)
        assert half.class_logits.dtype == torch.bfloat16
        terms = pair_losses(model, noting, batch, False, (0,))
        assert torch.is_autocast_enabled("cpu")  # as before
    (outputs,) = noting.outputs
    tensors = [v for v in vars(outputs).values() if isinstance(v, torch.Tensor)]
    assert {tensor.dtype for tensor in tensors} == {torch.float32}
    assert noting.autocast == [False]
    assert {value.dtype for value in terms.named().values()} == {torch.float32}


@pytest.mark.parametrize("accumulated", [1, 2])
@pytest.mark.parametrize("small_steps", [0, 2])
def test_the_first_small_steps_are_small_and_no_other(root, monkeypatch, accumulated, small_steps):
    own, sizes = SGNet.forward_pairs, []

    def noted(self, key_images, reference_images, both_ways=False):
        sizes.append((tuple(key_images.shape[-2:]), tuple(reference_images.shape[-2:])))
        return own(self, key_images, reference_images, both_ways)

    monkeypatch.setattr(SGNet, "forward_pairs", noted)
    settings = sgd_module(small_steps=small_steps, small_factor=2)
    recorder = run(root, 2, accumulated, trained=settings)
    assert len(recorder.gradients) == 4
    small, full = ((32, 48),) * 2, ((64, 96),) * 2
    expected = [small] * (small_steps * accumulated) + [full] * ((4 - small_steps) * accumulated)
    assert sizes == expected


class Groups(pl.Callback):
    """Keeps the optimiser's groups."""

    def on_train_start(self, trainer, pl_module) -> None:
        self.decay = {
            id(parameter): group["weight_decay"]
            for group in trainer.optimizers[0].param_groups
            for parameter in group["params"]
        }


@pytest.mark.parametrize("spared", [False, True])
def test_weight_decay_spares_norms_and_biases_where_told_and_nothing_else(root, spared):
    groups = Groups()
    module = sgd_module(no_decay_on_norms=spared, weight_decay=0.5)
    run(root, 8, trained=module, callbacks=(groups,))
    norms_and_biases = {
        id(parameter)
        for part in module.model.modules()
        for name, parameter in part.named_parameters(recurse=False)
        if isinstance(part, torch.nn.GroupNorm) or name == "bias"
    }
    named = dict(module.model.named_parameters())
    assert groups.decay.keys() == {id(parameter) for parameter in named.values()}
    assert 0 < len(norms_and_biases) < len(named)
    for name, parameter in named.items():
        expected = 0.0 if spared and id(parameter) in norms_and_biases else 0.5
        assert groups.decay[id(parameter)] == expected, name
