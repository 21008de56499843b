from __future__ import annotations

import pytest
import torch
from builders import make_targets, tiny_criterion, tiny_model

from sgnet.inference.chunk_predictor import ChunkPredictor
from sgnet.inference.frame_engine import TorchFrameEngine
from sgnet.models import MaskHead
from sgnet.models.mask_head import SpatialAttention
from sgnet.ops.mask_assembly import dense_probabilities
from sgnet.postprocess import DetectionDecoder
from sgnet.tracking import MovementTracker

SHAPES = [(8, 12), (4, 6), (2, 3), (1, 2), (1, 1)]


def pyramid(frames: int, channels: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(frames, channels, *shape, generator=generator) for shape in SHAPES)


def scores_everywhere(attention: SpatialAttention, levels) -> torch.Tensor:
    """[B, L, S] by the convolutions over whole levels."""
    maps = [attention(level) for level in levels]
    return torch.cat([m.flatten(2).transpose(1, 2) for m in maps], dim=1)


def test_scores_at_locations_are_those_of_the_whole_map():
    torch.manual_seed(0)
    attention = SpatialAttention(8, 5)
    levels = pyramid(3, 8)
    whole = scores_everywhere(attention, levels)
    frames, locations = torch.meshgrid(torch.arange(3), torch.arange(whole.shape[1]), indexing="ij")
    found = attention.at(levels, frames.flatten(), locations.flatten())
    torch.testing.assert_close(found, whole.flatten(0, 1), atol=1e-5, rtol=1e-4)


def test_gradients_at_locations_are_those_of_the_whole_map():
    torch.manual_seed(0)
    attention = SpatialAttention(8, 5).double()
    frames, locations = torch.tensor([0, 1, 1]), torch.tensor([5, 0, 127])
    gradients = []
    for at_locations in (True, False):
        levels = tuple(level.double().requires_grad_() for level in pyramid(2, 8))
        attention.zero_grad()
        scores = (
            attention.at(levels, frames, locations)
            if at_locations
            else scores_everywhere(attention, levels)[frames, locations]
        )
        scores.square().sum().backward()
        parameters = [p.grad.clone() for p in attention.parameters()]
        gradients.append(parameters + [level.grad for level in levels])
    for found, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected)


def test_no_location_gives_no_score_and_keeps_the_graph():
    attention = SpatialAttention(8, 5)
    nothing = torch.zeros(0, dtype=torch.int64)
    scores = attention.at(pyramid(2, 8), nothing, nothing)
    assert scores.shape == (0, 5)
    scores.sum().backward()
    assert all(p.grad is not None and not p.grad.any() for p in attention.parameters())


def test_a_vector_of_scores_for_each_sub_region_is_the_default():
    head = MaskHead(16)
    assert head.blender.reading == "region_vector"
    assert head.spatial_attention.scores.out_channels == 6**2 * 6**2


def test_scores_are_never_computed_for_whole_maps(monkeypatch):
    """Neither in training nor in inference; 36 x 36 of them a location would cost more than all."""

    def refused(*_):
        raise AssertionError

    monkeypatch.setattr(SpatialAttention, "forward", refused)
    torch.manual_seed(0)
    model = tiny_model()
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    targets = make_targets([[(4, 4, 40, 40)], [(10, 20, 90, 60)]])
    outputs = model.forward_pairs(images, images.flip(0))
    terms = tiny_criterion()(outputs, targets, model.mask_head.instance_masks)
    assert terms.mask > 0
    predictor = ChunkPredictor(model.eval(), DetectionDecoder(0.01), MovementTracker())
    assert any(predictor.track(images, (64, 96)))
    engine = TorchFrameEngine(model, DetectionDecoder(0.01))
    assert len(engine.detect(images[0].permute(1, 2, 0).contiguous().numpy()).scores)


def masks_with_scores(reading: str, other: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The mask of one object with its own scores, and with its own again or another object's.

    All scores are positive, as those that a trained network gives to one sub-region have one sign.
    """
    torch.manual_seed(1)
    model = tiny_model(reading=reading).eval()
    blender = model.mask_head.blender
    base_masks = torch.randn(1, blender.num_masks, 8, 12)
    scores = torch.rand(2, blender.num_scores) + 0.1
    box = torch.tensor([[4.0, 6.0, 80.0, 60.0]])
    frame = torch.zeros(1, dtype=torch.int64)
    masks = [
        dense_probabilities(blender(base_masks, frame, scores[[index]], box, 8), (32, 48))[0] > 0.5
        for index in (0, int(other))
    ]
    return masks[0], masks[1]


@pytest.mark.parametrize("reading", ["region_vector", "global", "prototypes"])
def test_another_objects_scores_give_another_mask(reading):
    own, others = masks_with_scores(reading, other=True)
    assert (own != others).float().mean() > 0.02
    own, again = masks_with_scores(reading, other=False)
    assert torch.equal(own, again)


def test_the_region_reading_gives_the_same_mask_with_another_objects_scores_of_the_same_sign():
    """The documented exception: only signs count, so it has no spatial attention (Eq. 2)."""
    own, others = masks_with_scores("region", other=True)
    assert own.any()
    assert torch.equal(own, others)
