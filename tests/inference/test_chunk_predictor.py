from __future__ import annotations

import numpy as np
import pytest
import torch
from builders import liven, tiny_model

from sgnet.inference.chunk_predictor import ChunkPredictor, ChunkTracker
from sgnet.ops.rle import decode
from sgnet.postprocess import DetectionDecoder
from sgnet.structures import VideoChunk
from sgnet.tracking import MovementTracker


def predictor() -> ChunkPredictor:
    torch.manual_seed(0)
    model = tiny_model().eval()
    return ChunkPredictor(model, DetectionDecoder(0.0, max_detections=5), MovementTracker())


def frames(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 64, 96), generator=torch.Generator().manual_seed(0))


def chunk(video: int, first: int, count: int, length: int) -> VideoChunk:
    return VideoChunk(frames(count), video, first, length, (64, 96))


def test_frames_one_by_one_equal_frames_together():
    together = predictor().track(frames(4), (64, 96))
    single = predictor()
    alone = [single.track(frame[None], (64, 96))[0] for frame in frames(4)]
    for expected, got in zip(together, alone, strict=True):
        assert [i.track_id for i in got] == [i.track_id for i in expected]
        assert [i.score for i in got] == pytest.approx([i.score for i in expected], abs=1e-5)
        for one, other in zip(got, expected, strict=True):
            assert (decode(one.mask) != decode(other.mask)).sum() <= 3  # probabilities of one half


class Recorder(MovementTracker):
    """Takes down the movements that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.movements: list[torch.Tensor] = []

    def update(self, detections) -> list[int]:
        self.movements.append(detections.movements)
        return super().update(detections)


@pytest.mark.parametrize("lengths", [(1, 1, 1, 1, 1, 1), (2, 3, 1), (3, 3), (6,)])
def test_movements_are_those_of_each_frame_and_the_one_before_it(lengths):
    torch.manual_seed(0)
    model, decoder = liven(tiny_model()).eval(), DetectionDecoder(0.0, max_detections=5)
    images, recorder = frames(6), Recorder()
    chunks = ChunkPredictor(model, decoder, recorder)
    for part in images.split(list(lengths)):
        chunks.track(part, (64, 96))

    def moved(frame: int, reference: int) -> torch.Tensor:
        with torch.no_grad():
            pair = model.forward_pairs(images[frame][None], images[reference][None])
        return decoder(pair, (64, 96))[0].movements

    assert len(recorder.movements) == 6
    for frame, got in enumerate(recorder.movements):
        before = max(0, frame - 1)
        torch.testing.assert_close(got, moved(frame, before), rtol=1e-3, atol=1e-2)
        for other in set(range(frame + 1)) - {before}:
            assert (got - moved(frame, other)).abs().max() > 1  # pixels


def test_boxes_and_masks_come_in_original_pixels():
    at_input = predictor().track(frames(1), (64, 96))[0]
    larger = predictor().track(frames(1), (128, 288))[0]
    assert len(at_input) > 0
    for small, large in zip(at_input, larger, strict=True):
        x1, y1, x2, y2 = small.box_xyxy
        assert large.box_xyxy == pytest.approx([3 * x1, 2 * y1, 3 * x2, 2 * y2])
        assert decode(large.mask).shape == (128, 288)
        if not large.is_empty:
            rows, columns = np.nonzero(decode(large.mask))
            x1, y1, x2, y2 = large.box_xyxy
            assert x1 - 12 <= columns.min() <= columns.max() <= x2 + 12
            assert y1 - 8 <= rows.min() <= rows.max() <= y2 + 8


def test_reset_makes_the_next_video_independent_of_the_last():
    used = predictor()
    used.track(frames(3), (64, 96))
    used.reset()
    again, fresh = used.track(frames(2), (64, 96)), predictor().track(frames(2), (64, 96))
    assert again == fresh


def test_the_first_frame_of_each_video_is_its_own_reference():
    torch.manual_seed(0)
    model, decoder = liven(tiny_model()).eval(), DetectionDecoder(0.0, max_detections=5)
    recorder = Recorder()
    chunks, images = ChunkPredictor(model, decoder, recorder), frames(3)
    chunks.track(images[:2], (64, 96))
    chunks.reset()
    chunks.track(images[2:], (64, 96))
    with torch.no_grad():
        alone = decoder(model.forward_pairs(images[2:], images[2:]), (64, 96))[0].movements
        other = decoder(model.forward_pairs(images[2:], images[1:2]), (64, 96))[0].movements
    torch.testing.assert_close(recorder.movements[-1], alone, rtol=1e-3, atol=1e-2)
    assert (alone - other).abs().max() > 1  # pixels


def test_sides_that_are_no_multiples_of_eight_are_refused():
    with pytest.raises(ValueError, match="multiples of 8, got 60 x 96"):
        predictor().track(torch.zeros(1, 3, 60, 96), (60, 96))


def test_chunks_of_two_videos_give_the_tracks_of_each_as_it_ends():
    tracker = ChunkTracker(predictor(), [4, 5, 6])
    assert tracker.add(chunk(1, 0, 2, 3)) == []
    assert {track.video_id for track in tracker.add(chunk(1, 2, 1, 3))} <= {1}
    assert {track.video_id for track in tracker.add(chunk(2, 0, 2, 2))} <= {2}
    assert tracker.finished == {1, 2}


def test_tracks_of_a_video_in_chunks_are_those_of_the_video_at_once():
    whole, parts = ChunkTracker(predictor(), [4, 5, 6]), ChunkTracker(predictor(), [4, 5, 6])
    images = frames(5)
    expected, got = whole.add(VideoChunk(images, 1, 0, 5, (64, 96))), []
    for first, last in ((0, 2), (2, 3), (3, 5)):
        got += parts.add(VideoChunk(images[first:last], 1, first, 5, (64, 96)))
    assert len(expected) > 0

    def seen(track) -> list[bool]:
        return [mask is not None for mask in track.segmentations]

    assert [seen(track) for track in got] == [seen(track) for track in expected]
    assert [track.score for track in got] == pytest.approx([t.score for t in expected], abs=1e-5)


@pytest.mark.parametrize(("video", "first"), [(2, 2), (1, 3), (1, 1)])
def test_chunks_that_do_not_follow_each_other_are_refused(video, first):
    tracker = ChunkTracker(predictor(), [4, 5, 6])
    with pytest.raises(ValueError, match="chunks must start at frame 0"):
        tracker.add(chunk(video, first, 1, 5))
    tracker.add(chunk(1, 0, 2, 5))
    with pytest.raises(ValueError, match="follow each other"):
        tracker.add(chunk(video, first + 10, 1, 20))
