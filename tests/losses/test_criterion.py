from __future__ import annotations

import pytest
import torch
from builders import make_targets, tiny_criterion, tiny_model
from torch.nn import functional as F

from sgnet.losses import LossCounts
from sgnet.losses.terms import log_giou_loss

SOME = [[(4, 4, 40, 40), (50, 10, 70, 60)], [(10, 20, 90, 60)]]
TERMS = {"classification", "centerness", "box", "mask", "movement"}


def losses(model, frames, **settings):
    images = torch.randint(0, 256, (len(frames), 3, 64, 96), dtype=torch.uint8)
    outputs = model.forward_pairs(images, images.flip(0))
    return tiny_criterion(**settings)(outputs, make_targets(frames), model.mask_head.instance_masks)


READINGS = ("region", "global", "region_vector", "prototypes")
DETAIL = {"detail_channels": 64, "upsample": 2}


@pytest.mark.parametrize(
    "settings", [*({"reading": reading} for reading in READINGS), DETAIL], ids=lambda s: [*s][0]
)
@pytest.mark.parametrize("tracking_input", ["pair", "single"])
@pytest.mark.parametrize("frames", [[[], []], SOME], ids=["no object", "objects"])
def test_every_parameter_gets_a_gradient(settings, tracking_input, frames):
    torch.manual_seed(0)
    model = tiny_model(tracking_input=tracking_input, **settings)
    terms = losses(model, frames)
    assert torch.isfinite(terms.total)
    terms.total.backward()
    missing = [n for n, p in model.named_parameters() if p.grad is None]
    assert missing == []
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("settings", [{}, DETAIL], ids=["paper", "detail"])
def test_every_part_of_the_network_learns_from_objects(settings):
    torch.manual_seed(0)
    model = tiny_model(**settings)
    losses(model, SOME).total.backward()
    still = [n for n, p in model.named_parameters() if p.grad.abs().sum() == 0]
    # blocks whose last group norm starts at zero pass nothing to their first layers yet
    assert all(".layer" in n for n in still)


def test_the_total_is_the_weighted_sum_of_the_named_terms():
    torch.manual_seed(0)
    model = tiny_model().eval()
    plain = losses(model, SOME, mask_box_jitter=0.0)
    assert set(plain.named()) == TERMS
    torch.testing.assert_close(plain.total, sum(plain.named().values()))
    torch.manual_seed(0)
    model = tiny_model().eval()
    weighted = losses(model, SOME, mask_box_jitter=0.0, weights={"mask": 3.0})
    torch.testing.assert_close(weighted.total, plain.total + 2 * plain.mask)


def test_terms_are_zero_where_there_is_nothing_to_learn_from():
    terms = losses(tiny_model(), [[], []])
    named = {name: value.item() for name, value in terms.named().items()}
    assert named.pop("classification") > 0
    assert named == dict.fromkeys(TERMS - {"classification"}, 0.0)


def outputs_for(targets):
    torch.manual_seed(0)
    model = tiny_model().eval()
    images = torch.randint(0, 256, (len(targets.valid), 3, 64, 96), dtype=torch.uint8)
    return model, model.forward_pairs(images, images.flip(0))


def test_the_class_loss_is_divided_by_the_positives_and_not_by_the_frames():
    targets = make_targets(SOME)
    model, outputs = outputs_for(targets)
    criterion = tiny_criterion()
    found = criterion.assigner(outputs.locations, outputs.strides, targets)
    wanted = torch.zeros_like(outputs.class_logits)
    for frame, location, label in zip(found.frames, found.locations, found.labels, strict=True):
        wanted[frame, location, label] = 1
    # the focal loss of each entry, alpha 0.25 and gamma 2
    entropy = F.binary_cross_entropy_with_logits(outputs.class_logits, wanted, reduction="none")
    weight = (0.25 * wanted + 0.75 * (1 - wanted)) * (outputs.class_logits.sigmoid() - wanted) ** 2
    terms = criterion(outputs, targets, model.mask_head.instance_masks)
    assert terms.num_positives == len(found.frames) == 6
    torch.testing.assert_close(terms.classification, (weight * entropy).sum() / 6)


def test_boxes_count_by_their_centerness_unless_told_otherwise():
    targets = make_targets(SOME)
    model, outputs = outputs_for(targets)
    criterion = tiny_criterion()
    found = criterion.assigner(outputs.locations, outputs.strides, targets)
    losses, weights = [], []
    for frame, location, truth in zip(found.frames, found.locations, found.boxes_xyxy, strict=True):
        x, y = outputs.locations[location]
        left, top, right, bottom = (
            outputs.distances_ltrb[frame, location] * outputs.strides[location]
        )
        box = torch.stack([x - left, y - top, x + right, y + bottom])
        losses.append(log_giou_loss(box[None], truth[None])[0])
        sides = torch.stack([x - truth[0], truth[2] - x, y - truth[1], truth[3] - y])
        shares = [sides[:2].min() / sides[:2].max(), sides[2:].min() / sides[2:].max()]
        weights.append((shares[0] * shares[1]).sqrt())
    losses, weights = torch.stack(losses), torch.stack(weights)
    weighted = (losses * weights).sum() / weights.sum()
    terms = criterion(outputs, targets, model.mask_head.instance_masks)
    torch.testing.assert_close(terms.box, weighted)
    assert abs(weighted - losses.mean()) > 1e-4  # or the figures could not tell
    plain = tiny_criterion(weight_box_by_centerness=False)
    terms = plain(outputs, targets, model.mask_head.instance_masks)
    torch.testing.assert_close(terms.box, losses.mean())


def test_masks_are_trained_in_boxes_that_end_at_the_frame_as_detections_do():
    targets = make_targets([[(0, 0, 60, 50)], [(40, 20, 96, 64)]])
    model, outputs = outputs_for(targets)
    used = []

    def noting_masks(outputs, frames, locations, boxes):
        used.append(boxes)
        return model.mask_head.instance_masks(outputs, frames, locations, boxes)

    # the truth, its sides moved by up to half of its size
    criterion = tiny_criterion(mask_min_iou=2.0, mask_box_jitter=0.5)
    torch.manual_seed(0)
    criterion(outputs, targets, noting_masks)
    boxes = torch.cat(used)
    assert float(boxes.min()) == 0
    assert float(boxes[:, [0, 2]].max()) == 96
    assert float(boxes[:, [1, 3]].max()) == 64


def test_counts_of_shares_add_up_to_those_of_all_together():
    criterion = tiny_criterion()
    shares = [SOME[:1], SOME[1:], [[]]]
    _, outputs = outputs_for(make_targets(SOME))
    counts = [criterion.counts(outputs.grid, make_targets(frames)) for frames in shares]
    whole = criterion.counts(outputs.grid, make_targets([*SOME, []]).without_masks())
    total = sum(share.stacked() for share in counts)
    for name in ("positives", "box_weights", "shared"):
        assert float(getattr(LossCounts.of(total), name)) == pytest.approx(
            float(getattr(whole, name))
        )
    assert float(whole.positives) == 6
    assert [int(share.positives) for share in counts] == [5, 1, 0]


def test_denominators_are_positive_where_nothing_is_counted():
    nothing = LossCounts.of(torch.zeros(3)).per_share(8)
    assert nothing.stacked().tolist() == pytest.approx([1 / 8, 2**-23 / 8, 1 / 8])
    some = LossCounts.of(torch.tensor([6.0, 0.25, 2.0]))
    assert some.per_share(2).stacked().tolist() == [3, 0.125, 1]


def test_terms_follow_the_denominators_that_they_are_given():
    targets = make_targets(SOME)
    model, outputs = outputs_for(targets)
    criterion = tiny_criterion(mask_box_jitter=0.0)
    own = criterion(outputs, targets, model.mask_head.instance_masks)
    asked = []

    def doubled(grid, counts):
        asked.append(counts)
        return LossCounts.of(2 * counts.stacked())

    half = criterion(outputs, targets, model.mask_head.instance_masks, doubled)
    assert len(asked) == 1
    for name, value in own.named().items():
        torch.testing.assert_close(half.named()[name], value / 2)


def test_movement_in_pixels_weighs_coarse_levels_more():
    torch.manual_seed(0)
    model = tiny_model().eval()
    stride = losses(model, SOME).movement
    torch.manual_seed(0)
    model = tiny_model().eval()
    pixel = losses(model, SOME, movement_unit="pixel").movement
    assert pixel > 7 * stride


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (4, 4), (512, 6)])
def test_only_so_many_positives_train_masks(limit, expected):
    torch.manual_seed(0)
    model = tiny_model()
    blended = []

    def counting_masks(outputs, frames, *rest):
        blended.append(frames.shape[0])
        return model.mask_head.instance_masks(outputs, frames, *rest)

    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    outputs = model.forward_pairs(images, images.flip(0))
    criterion = tiny_criterion(max_mask_positives=limit)
    terms = criterion(outputs, make_targets(SOME), counting_masks)
    assert terms.num_positives == 6
    assert blended == [expected]


def test_which_positives_train_masks_is_drawn_among_all():
    targets = make_targets(SOME)
    model, outputs = outputs_for(targets)
    drawn = []

    def noting_masks(outputs, frames, locations, boxes):
        drawn.append((int(frames[0]), int(locations[0])))
        return model.mask_head.instance_masks(outputs, frames, locations, boxes)

    criterion = tiny_criterion(max_mask_positives=1)
    for _ in range(60):  # one of six is missed once in 10,000 times
        criterion(outputs, targets, noting_masks)
    assert len(set(drawn)) == 6


def test_a_limit_of_mask_positives_leaves_each_share_its_weight():
    targets = make_targets(SOME)
    model, outputs = outputs_for(targets)

    def of_four_such_shares(grid, counts):
        return LossCounts.of(4 * counts.stacked()).per_share(4)

    def mask(limit):
        criterion = tiny_criterion(max_mask_positives=limit, mask_box_jitter=0.0)
        return criterion(outputs, targets, model.mask_head.instance_masks, of_four_such_shares).mask

    single = {round(float(mask(1)), 6) for _ in range(90)}  # each of the six alone
    assert len(single) == 6
    # so a limit changes which of a share are seen, and on average nothing else
    assert float(mask(512)) == pytest.approx(sum(single) / 6, rel=1e-4)


def test_movements_are_divided_by_the_positives_that_both_frames_show():
    targets = make_targets(SOME)
    targets.in_both[0, 1] = False
    model, outputs = outputs_for(targets)
    criterion = tiny_criterion(movement_unit="pixel")
    found = criterion.assigner(outputs.locations, outputs.strides, targets)
    distances = []
    for frame, location, row in zip(found.frames, found.locations, found.objects, strict=True):
        moved = outputs.movements[frame, location] * outputs.strides[location]
        if (int(frame), int(row)) != (0, 1):
            distances.append((moved - torch.tensor([3.0, -2.0])).abs().sum())
    assert 0 < len(distances) < len(found.frames)
    terms = criterion(outputs, targets, model.mask_head.instance_masks)
    torch.testing.assert_close(terms.movement, torch.stack(distances).mean())
    assert float(criterion.counts(outputs.grid, targets).shared) == len(distances)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"box_loss": "l1"}, "box_loss"),
        ({"movement_unit": "metre"}, "movement_unit"),
        ({"weights": {"masks": 1.0}}, "masks"),
    ],
)
def test_wrong_settings_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        tiny_criterion(**settings)


def test_a_network_overfits_one_pair_of_frames():
    torch.manual_seed(0)
    model = tiny_model()
    images = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    targets = make_targets(SOME)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = tiny_criterion()
    history = []
    for _ in range(60):
        outputs = model.forward_pairs(images, images.flip(0))
        terms = criterion(outputs, targets, model.mask_head.instance_masks)
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
        history.append({name: value.item() for name, value in terms.named().items()})
    assert all(history[-1][name] < 0.75 * history[0][name] for name in TERMS - {"centerness"})
