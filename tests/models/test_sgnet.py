from __future__ import annotations

import pytest
import torch
from builders import tiny_model
from torchvision.transforms.functional import normalize

from sgnet.models import ResNetFPN
from sgnet.models.mask_head import BaseMasks
from sgnet.models.tracking_head import TrackingHead


def images(count: int, height: int = 64, width: int = 96, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator, dtype=torch.uint8)


def test_the_backbone_sees_pixels_normalised_as_imagenets_are():
    model, seen = tiny_model().eval(), []
    model.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    frames = images(2)
    with torch.no_grad():
        model(frames)
    shares = frames.float() / 255
    expected = normalize(shares, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(seen[0], expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_boxes_and_movements_of_all_levels_are_read_from_the_box_tower():
    torch.manual_seed(0)
    model = tiny_model().eval()
    outputs = model(images(1))
    start = 0
    for level, size in zip(outputs.pyramid, outputs.level_sizes, strict=True):
        features = model.detection_head.box_tower(level)
        sides = model.detection_head.box_distances(features).clamp(min=0)
        moved = model.tracking_head.movement(torch.cat([features, features], dim=1))
        part = slice(start, start + size)
        for got, expected in ((outputs.distances_ltrb, sides), (outputs.movements, moved)):
            torch.testing.assert_close(got[0, part], expected[0].flatten(1).T)
        start += size
    assert start == outputs.locations.shape[0]


@pytest.mark.parametrize("size", [(64, 96), (72, 104), (360, 640)])
def test_outputs_have_one_row_a_location_on_five_levels(size):
    model = tiny_model().eval()
    with torch.no_grad():
        outputs = model(images(1, *size))
    cells = [(-(-size[0] // s)) * (-(-size[1] // s)) for s in (8, 16, 32, 64, 128)]
    assert list(outputs.level_sizes) == cells
    assert outputs.class_logits.shape == (1, sum(cells), 3)
    assert outputs.locations.shape == (sum(cells), 2)
    assert outputs.base_masks.shape == (1, 9, size[0] // 8, size[1] // 8)
    assert outputs.mask_size == (size[0] // 2, size[1] // 2)
    assert outputs.locations[0].tolist() == [4.0, 4.0]
    assert (outputs.distances_ltrb >= 0).all()


def test_a_sequence_equals_its_frames_one_by_one_with_cached_features():
    model = tiny_model().eval()
    frames = images(4)
    with torch.no_grad():
        together = model(frames)
        previous = None
        for index in range(4):
            alone = model(frames[index : index + 1], previous)
            previous = alone.tracking_features
            for name in ("movements", "class_logits", "base_masks"):
                torch.testing.assert_close(
                    getattr(alone, name)[0], getattr(together, name)[index], rtol=1e-4, atol=1e-5
                )


def test_pairs_equal_the_sequence_of_reference_and_key():
    model = tiny_model().eval()
    frames = images(2)
    with torch.no_grad():
        sequence = model(frames)
        pair = model.forward_pairs(frames[1:], frames[:1])
        both = model.forward_pairs(frames[1:], frames[:1], both_ways=True)
    torch.testing.assert_close(pair.movements[0], sequence.movements[1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(both.movements[0], pair.movements[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(both.class_logits, sequence.class_logits.flip(0))
    backwards = model.forward_pairs(frames[:1], frames[1:])
    torch.testing.assert_close(both.movements[1], backwards.movements[0], rtol=1e-4, atol=1e-5)


def test_the_movement_of_a_pair_is_one_product_with_key_and_then_reference_features():
    torch.manual_seed(0)
    head = TrackingHead(8, "pair")
    torch.nn.init.normal_(head.movement.weight)
    key, reference = torch.randn(2, 1, 8, 3, 4).unbind()
    found = head(key, reference)
    weights = head.movement.weight[:, :, 0, 0]  # [2, 16]
    for row in range(3):
        for column in range(4):
            of_key, of_reference = key[0, :, row, column], reference[0, :, row, column]
            expected = weights[:, :8] @ of_key + weights[:, 8:] @ of_reference
            torch.testing.assert_close(found[0, :, row, column], expected)


def test_one_frame_alone_predicts_the_same_movement_whatever_came_before():
    model = tiny_model(tracking_input="single").eval()
    with torch.no_grad():
        first = model.forward_pairs(images(1), images(1, seed=1)).movements
        second = model.forward_pairs(images(1), images(1, seed=2)).movements
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("upsample", [1, 2, 4])
@pytest.mark.parametrize("levels", [["P3"], ["P3", "P4"], ["P3", "P4", "P5"]])
def test_masks_follow_upsampling_and_levels(upsample, levels):
    model = tiny_model(levels=levels, upsample=upsample).eval()
    with torch.no_grad():
        outputs = model(images(1))
    assert outputs.base_masks.shape[-2:] == (8, 12)
    assert outputs.mask_size == (8 * upsample, 12 * upsample)
    assert outputs.mask_stride == 8 // upsample


@pytest.mark.parametrize("size", [(64, 96), (60, 92)])
def test_with_the_detail_of_c2_base_masks_have_a_stride_of_4(size):
    model = tiny_model(detail_channels=64, upsample=2).eval()
    with torch.no_grad():
        outputs = model(images(1, *size))
        other = tiny_model(upsample=4).eval()(images(1, *size))
    height, width = -(-size[0] // 4), -(-size[1] // 4)
    assert outputs.base_masks.shape[-2:] == (height, width)
    assert outputs.mask_size == (2 * height, 2 * width)
    assert outputs.mask_stride == other.mask_stride == 2
    assert [level.shape for level in outputs.pyramid] == [level.shape for level in other.pyramid]


def test_masks_see_the_detail_of_their_own_frame():
    model = tiny_model(detail_channels=64, upsample=2).eval()
    seen = []
    hook = lambda _, inputs: seen.append(inputs[1])  # noqa: E731
    model.mask_head.base_masks.register_forward_pre_hook(hook)
    keys, references = images(2), images(2, seed=1)
    with torch.no_grad():
        model(torch.cat([keys, references]))
        model.forward_pairs(keys, references)
        model.forward_pairs(keys, references, both_ways=True)
    together, of_keys, both_ways = seen
    torch.testing.assert_close(of_keys, together[:2])
    torch.testing.assert_close(both_ways, together)


def test_detail_is_added_where_it_lies():
    module = BaseMasks(1, 1, levels=["P3"], hidden_channels=2, detail_channels=1)
    captured = {}
    module.sharpen.register_forward_pre_hook(lambda _, inputs: captured.update(x=inputs[0]))
    detail = torch.zeros(1, 1, 15, 24)
    moved = detail.clone()
    moved[0, 0, 14, 5] = 1
    p3 = [torch.zeros(1, 1, 8, 12)]
    with torch.no_grad():
        module(p3, detail)
        before = captured["x"]
        module(p3, moved)
    assert (captured["x"] - before).abs().sum(dim=1)[0].nonzero().tolist() == [[14, 5]]


def test_coarse_levels_stay_aligned_with_p3_where_sizes_were_rounded_up():
    module = BaseMasks(1, 1, levels=["P3", "P4"], hidden_channels=1)
    p4 = torch.zeros(1, 1, 23, 40)
    p4[0, 0, 22, 20] = 1
    captured = {}
    module.fuse.register_forward_pre_hook(lambda _, inputs: captured.update(x=inputs[0]))
    module([torch.zeros(1, 1, 45, 80), p4])
    rows, columns = captured["x"][0, 1].nonzero(as_tuple=True)
    assert rows.max() == 44
    assert captured["x"][0, 1].flatten().argmax() == 44 * 80 + 40
    assert columns.float().mean() == pytest.approx(40.5, abs=0.51)


@pytest.mark.parametrize("along_rows", [True, False])
@pytest.mark.parametrize(("level", "stride"), [(1, 16), (2, 32)])
def test_rows_and_columns_of_coarse_levels_lie_where_those_of_p3_do(level, stride, along_rows):
    """360 x 424 pixels: 45 x 53 locations of P3, 23 x 27 of P4, 12 x 14 of P5."""
    module = BaseMasks(1, 1, levels=["P3", "P4", "P5"], hidden_channels=1)
    pyramid = [torch.zeros(1, 1, *size) for size in ((45, 53), (23, 27), (12, 14))]
    length = pyramid[level].shape[2 if along_rows else 3]
    places = (torch.arange(length) + 0.5) * stride  # where its locations are, input pixels
    pyramid[level] += places[:, None] if along_rows else places
    captured = {}
    module.fuse.register_forward_pre_hook(lambda _, inputs: captured.update(x=inputs[0]))
    module(pyramid)
    assert captured["x"].shape == (1, 3, 45, 53)
    of_p3 = (torch.arange(45 if along_rows else 53) + 0.5) * 8
    # in front of the first location there is nothing to interpolate with
    expected = of_p3.clamp(min=stride / 2)
    found = captured["x"][0, level]
    expected = (expected[:, None] if along_rows else expected).expand_as(found)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("depth", [18, 34, 50, 101])
def test_every_depth_gives_five_levels(depth):
    backbone = ResNetFPN(depth, 16, "group").eval()
    with torch.no_grad():
        levels = backbone(torch.zeros(1, 3, 64, 64))
    assert [level.shape[-1] for level in levels] == [8, 4, 2, 1, 1]


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: ResNetFPN(20), "depth"),
        (lambda: ResNetFPN(18, norm="layer"), "norm"),
        (lambda: BaseMasks(8, 4, levels=["P4"]), "levels"),
        (lambda: tiny_model(upsample=3), "upsample"),
        (lambda: TrackingHead(8, "triple"), "tracking_input"),
        (lambda: tiny_model(reading="sum"), "reading"),
        (lambda: tiny_model(grid=0), "grid"),
        (lambda: tiny_model(detail_channels=32), "detail_channels must be .* 64, got 32"),
        (lambda: ResNetFPN(18, detail=1), "detail"),
    ],
)
def test_wrong_settings_are_refused_by_name(build, words):
    with pytest.raises(ValueError, match=words):
        build()


def test_frozen_stages_get_no_gradient():
    backbone = ResNetFPN(18, 16, "group", frozen_stages=1)
    frozen = {n for n, p in backbone.pyramid.body.named_parameters() if not p.requires_grad}
    assert {name.split(".")[0] for name in frozen} == {"conv1", "bn1", "layer1"}
