"""The fast path against the reference path: `ChunkPredictor` on whole tensors."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import astuple

import numpy as np
import pytest
import torch
from builders import liven, tiny_model

from sgnet.checkpoints.loading import LoadedCheckpoint
from sgnet.inference.chunk_predictor import ChunkPredictor
from sgnet.inference.frame_engine import TorchFrameEngine
from sgnet.inference.frame_network import FrameNetwork
from sgnet.inference.sources import SourceError
from sgnet.inference.video_predictor import VideoPredictor
from sgnet.models import DetectionHead, MaskHead, ResNetFPN, SGNet, TimmFPN, TrackingHead
from sgnet.ops.rle import decode
from sgnet.postprocess import DetectionDecoder
from sgnet.records import Category
from sgnet.tracking import MovementTracker

CLASSES = tuple(Category(number, f"class {number}") for number in (3, 5, 8))
DECODER = DetectionDecoder(0.0, max_detections=12)


def batch_norm_model(backbone=None, **mask_settings) -> SGNet:
    model = SGNet(
        backbone or ResNetFPN(18, 16, "batch"),
        DetectionHead(16, 3, tower_depth=2),
        MaskHead(16, grid=3, cell_size=20.0, hidden_channels=16, **mask_settings),
        TrackingHead(16),
    )
    with torch.no_grad():  # statistics as training leaves them
        for norm in model.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.running_mean.normal_(0, 0.1)
                norm.running_var.uniform_(0.5, 2)
                norm.weight.uniform_(0.5, 1.5)
    return model


MODELS = {
    "group norm": tiny_model,
    "batch norm": batch_norm_model,
    "timm": lambda: batch_norm_model(TimmFPN("tf_efficientnet_lite0", 16)),
    "timm, fixed norms": lambda: batch_norm_model(TimmFPN("resnet10t", 16, "frozen_batch")),
    "single": lambda: tiny_model(tracking_input="single"),
    "region_vector": lambda: tiny_model(reading="region_vector"),
    "global": lambda: tiny_model(reading="global"),
    "detail": lambda: tiny_model(detail_channels=64, upsample=2),
    "detail, batch norm": lambda: batch_norm_model(
        ResNetFPN(18, 16, "batch", detail=True), detail_channels=64, upsample=2
    ),
}


def loaded(name: str = "group norm") -> LoadedCheckpoint:
    torch.manual_seed(0)
    return LoadedCheckpoint(MODELS[name]().eval(), DECODER, MovementTracker(), CLASSES, (64, 96))


def images(count: int, size: tuple[int, int] = (64, 96)) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(count)]


def predictor(name: str = "group norm") -> VideoPredictor:
    return VideoPredictor.from_loaded(loaded(name), device="cpu")


@pytest.mark.parametrize("name", MODELS)
def test_streaming_equals_the_reference_path(name):
    reference = loaded(name)
    chunks = ChunkPredictor(reference.model, reference.decoder, reference.tracker)
    frames = images(4)
    expected = chunks.track(torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2), (64, 96))
    results = list(predictor(name).stream(frames))
    assert [len(r.instances) for r in results] == [len(e) for e in expected]
    assert len(expected[0]) > 0
    for result, wanted in zip(results, expected, strict=True):
        assert result.track_ids == [i.track_id for i in wanted]
        assert [i.label for i in result.instances] == [i.label for i in wanted]
        np.testing.assert_allclose(result.scores, [i.score for i in wanted], atol=1e-5)
        np.testing.assert_allclose(result.boxes_xyxy, [i.box_xyxy for i in wanted], atol=1e-2)
        for mask, instance in zip(result.dense_masks, wanted, strict=True):
            assert (mask != decode(instance.mask)).sum() <= 3  # probabilities of one half


@pytest.mark.parametrize("tracking_input", ["pair", "single"])
def test_each_frame_moves_from_the_one_before_and_the_first_of_a_video_from_itself(
    tracking_input,
):
    torch.manual_seed(0)
    model = liven(tiny_model(tracking_input=tracking_input)).eval()
    frames = images(3)
    together = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    with torch.no_grad():
        chained = DECODER(model(together), (64, 96))
        alone = [DECODER(model(frame[None]), (64, 96))[0] for frame in together]
    difference = (chained[2].movements - alone[2].movements).abs().max()
    assert (difference > 1) == (tracking_input == "pair")  # pixels
    engine = TorchFrameEngine(model, DECODER)
    engine.reset()
    got = [engine.detect(frame) for frame in frames]
    engine.reset()
    again = engine.detect(frames[1])  # not the one that it saw last
    for found, wanted in zip([*got, again], [*chained, alone[1]], strict=True):
        np.testing.assert_allclose(found.boxes_xyxy, wanted.boxes_xyxy, atol=1e-2)
        np.testing.assert_allclose(found.movements, wanted.movements, atol=1e-2)


def test_scores_and_movements_at_locations_equal_the_dense_ones_at_every_location():
    torch.manual_seed(0)
    model = tiny_model().eval()
    image, before = (torch.from_numpy(i).permute(2, 0, 1) for i in images(2))
    network = FrameNetwork(model)
    with torch.no_grad():
        first = model(before[None])
        dense = model(image[None], first.tracking_features)
        reference = network(before).box_features
        maps = network(image)
        everywhere = torch.arange(dense.locations.shape[0])
        levels = [model.mask_head.spatial_attention(level)[0] for level in dense.pyramid]
        scores = torch.cat([level.flatten(1).T for level in levels])
        torch.testing.assert_close(
            network.coefficients(maps, everywhere), scores, atol=1e-5, rtol=1e-4
        )
        torch.testing.assert_close(
            network.movements(maps, reference, everywhere), dense.movements[0], atol=1e-5, rtol=1e-4
        )
        torch.testing.assert_close(maps.class_logits, dense.class_logits[0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(
            maps.distances_ltrb, dense.distances_ltrb[0], atol=1e-5, rtol=1e-4
        )
        nothing = torch.zeros(0, dtype=torch.int64)
        assert network.coefficients(maps, nothing).shape == (0, scores.shape[1])
        assert network.movements(maps, None, nothing).shape == (0, 2)


def test_the_trained_model_stays_as_it_is():
    model = batch_norm_model().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    FrameNetwork(model, torch.bfloat16)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())


def test_half_precision_stays_close():
    torch.manual_seed(0)
    model = liven(tiny_model()).eval()
    image, other = (torch.from_numpy(i).permute(2, 0, 1) for i in images(2))
    with torch.no_grad():
        exact, black = (FrameNetwork(model)(i).class_logits for i in (image, other))
        rough = FrameNetwork(model, torch.bfloat16)(image).class_logits
    error, spread = (rough - exact).abs().mean(), (black - exact).abs().mean()
    assert error < 0.1 * spread
    scores = [
        np.sort(TorchFrameEngine(loaded().model, DECODER, dtype=dtype).detect(images(1)[0]).scores)
        for dtype in (torch.float32, torch.bfloat16)
    ]
    np.testing.assert_allclose(*scores, atol=0.02)


def test_winograd_in_backbone_and_heads_changes_nothing():
    torch.manual_seed(0)
    model = SGNet(
        ResNetFPN(18, 128, "group"),
        DetectionHead(128, 3, tower_depth=2),
        MaskHead(128, grid=3, cell_size=20.0, hidden_channels=32),
        TrackingHead(128),
    ).eval()
    plain, fast = FrameNetwork(model), FrameNetwork(model, winograd=True)
    towers = [type(layer).__name__ for layer in (*fast.class_tower, *fast.box_tower)]
    assert towers.count("WinogradConv2d") == 4
    image = torch.from_numpy(images(1, (72, 88))[0]).permute(2, 0, 1)  # levels of odd sides
    with torch.no_grad():
        for ours, theirs in zip(astuple(fast(image)), astuple(plain(image)), strict=True):
            if isinstance(theirs, torch.Tensor):
                torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)


def test_two_predictors_of_one_checkpoint_share_nothing():
    system = loaded()
    one, other = (VideoPredictor.from_loaded(system, "cpu") for _ in range(2))
    expected = [r.track_ids for r in one.stream(images(3))]
    mixed = zip(one.stream(images(3)), other.stream(images(3)), strict=True)
    for (first, second), ids in zip(mixed, expected, strict=True):
        assert first.track_ids == second.track_ids == ids


@pytest.mark.parametrize("ahead", [0, 4])
def test_a_second_video_ends_the_first_and_is_not_touched_by_it(ahead):
    used = predictor()
    expected = [r.instances for r in used.stream(images(3))]
    first = used.stream(images(9, (48, 96)), ahead)
    next(first)
    second = used.stream(images(3), ahead)
    got = [next(second).instances]
    with pytest.raises(ValueError, match="another video was begun"):
        list(first)
    got += [r.instances for r in second]
    assert got == expected


def test_a_stream_that_is_left_early_leaves_no_thread():
    before = threading.active_count()
    stream = predictor().stream(images(50))
    next(stream)
    stream.close()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(5)
    assert threading.active_count() <= before


def test_threads_change_nothing():
    one, other = list(predictor().stream(images(5), ahead=0)), list(predictor().stream(images(5)))
    assert [r.instances for r in one] == [r.instances for r in other]


def test_results_are_in_pixels_of_the_original_frames():
    result = next(iter(predictor().stream(images(1, (90, 200)))))
    assert result.dense_masks.shape == (len(result.instances), 90, 200)
    assert result.boxes_xyxy[:, 2].max() <= 200
    assert [category.id for category in result.categories] == [
        CLASSES[i.label].id for i in result.instances
    ]


def test_a_frame_without_instances_is_an_empty_result():
    empty = LoadedCheckpoint(
        tiny_model().eval(), DetectionDecoder(1.0), MovementTracker(), CLASSES, (64, 96)
    )
    result = next(iter(VideoPredictor.from_loaded(empty, "cpu").stream(images(1))))
    assert result.track_ids == []
    assert result.masks == []
    assert result.boxes_xyxy.shape == (0, 4)
    assert result.dense_masks.shape == (0, 64, 96)


def test_a_whole_video_has_a_mask_or_none_for_every_frame():
    video = predictor().predict(images(3))
    assert (video.frames, video.size) == (3, (64, 96))
    assert all(len(track.segmentations) == 3 for track in video.tracks)
    assert {track.category_id for track in video.tracks} <= {3, 5, 8}


def test_what_came_before_a_bad_frame_is_not_lost():
    frames = [*images(2), np.zeros((32, 32, 3), dtype=np.uint8), *images(1)]
    results = []
    with pytest.raises(SourceError, match="frame 2"):
        results.extend(predictor().stream(frames))
    assert [r.frame.index for r in results] == [0, 1]


def test_two_videos_in_a_row_are_independent():
    used = predictor()
    first = [r.instances for r in used.stream(images(3))]
    assert [r.instances for r in used.stream(images(3))] == first


def test_compact_has_the_results_of_exact_without_winograd():
    from sgnet.inference.winograd import WinogradConv2d

    model = tiny_model()
    system = LoadedCheckpoint(model.eval(), DECODER, MovementTracker(), CLASSES, (64, 96))
    exact, compact = (
        VideoPredictor.from_loaded(system, "cpu", speed) for speed in ("exact", "compact")
    )
    has = [
        any(isinstance(m, WinogradConv2d) for m in p.engine.network.modules())
        for p in (exact, compact)
    ]
    assert has == [True, False]
    results = [list(p.stream(images(3))) for p in (exact, compact)]
    for result, same in zip(*results, strict=True):
        assert result.track_ids == same.track_ids
        np.testing.assert_allclose(result.boxes_xyxy, same.boxes_xyxy, atol=1e-3)


def test_an_unknown_speed_is_refused():
    with pytest.raises(ValueError, match="speed must be"):
        VideoPredictor.from_loaded(loaded(), "cpu", speed="warp")


@pytest.mark.parametrize(
    "module", ["inference.streaming", "inference.sources", "tracking", "ops.mask_crops"]
)
def test_what_deployment_needs_imports_no_torch(module):
    code = f"import sys, sgnet.{module}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_offers_its_predictor():
    import sgnet

    assert sgnet.VideoPredictor is VideoPredictor
