"""The streamer with a stand-in for the network."""

from __future__ import annotations

import copy
import pickle
import threading
import time

import numpy as np
import pytest

from sgnet.inference.sources import SourceFrame
from sgnet.inference.streaming import InstanceStreamer, restricted, tracked_instances
from sgnet.ops.rle import decode
from sgnet.records import BaseCrop, Category, FrameDetections
from sgnet.tracking import MovementTracker


def nothing(size: tuple[int, int]) -> FrameDetections:
    empty = np.zeros((0, 2), dtype=np.float32)
    none = np.zeros(0, dtype=np.float32)
    return FrameDetections(
        np.zeros((0, 4), np.float32), none, none.astype(int), empty, empty, (), size, size
    )


class Camera:
    """Frames 0 to 99, ten for each that the network sees."""

    name, length, frames_per_second, live = "camera", None, None, True

    def __init__(self) -> None:
        self.shown = -1
        self.moved = threading.Condition()
        self.wanted = 0

    def __iter__(self):
        image = np.zeros((8, 8, 3), dtype=np.uint8)
        for number in range(100):
            with self.moved:
                self.moved.wait_for(lambda n=number: n <= self.wanted, 10)
            time.sleep(0.003)  # one that reads ahead gets to each of the ten
            yield SourceFrame(number, image, float(number), f"frame {number}")
            with self.moved:
                self.shown = number
                self.moved.notify_all()


class SlowEngine:
    """While it sees a frame, ten more come."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.newest: list[int] = []

    def reset(self) -> None:
        pass

    def detect(self, image: np.ndarray) -> FrameDetections:
        with self.camera.moved:
            self.camera.wanted = min(99, self.camera.wanted + 10)
            self.camera.moved.notify_all()
            self.camera.moved.wait_for(lambda: self.camera.shown >= self.camera.wanted - 1, 10)
            self.newest.append(self.camera.shown)
        return nothing((8, 8))


def test_a_live_source_gives_the_newest_frame_behind_a_slow_network():
    camera = Camera()
    engine = SlowEngine(camera)
    streamer = InstanceStreamer(engine, MovementTracker(), (Category(1, "a"),), input_size=(8, 8))
    times = [result.frame.time for result in streamer.stream(camera)]
    assert len(times) > 5
    assert times[-1] == 99
    for taken, newest in zip(times[1:], engine.newest, strict=False):
        assert taken >= newest - 1  # the newest when the network was through with the one before


def test_detections_of_a_filled_up_frame_are_cut_to_the_frame():
    random = np.random.default_rng(0)
    crop = BaseCrop(2, 6, random.random((10, 9)).astype(np.float32))
    boxes = np.array([[12, 4, 30, 24], [0, 0, 10, 10]], dtype=np.float32)
    found = FrameDetections(
        boxes,
        np.array([0.9, 0.8], np.float32),
        np.array([0, 1]),
        boxes[:, :2],
        boxes[:, 2:],
        (crop, BaseCrop(0, 0, np.ones((5, 5), np.float32))),
        (16, 16),
        (32, 32),
    )
    cut = restricted(found, (16, 24))  # half of the rows, three quarters of the columns
    assert (cut.input_size, cut.mask_size) == ((16, 24), (8, 12))
    np.testing.assert_array_equal(cut.boxes_xyxy, [[12, 4, 24, 16], [0, 0, 10, 10]])
    np.testing.assert_array_equal(cut.masks[0].probabilities, crop.probabilities[:6, :6])
    assert (cut.masks[0].top, cut.masks[0].left) == (2, 6)
    np.testing.assert_array_equal(cut.masks[1].probabilities, np.ones((5, 5)))
    np.testing.assert_array_equal(cut.labels, [0, 1])


def test_detections_beside_or_below_the_frame_in_what_is_filled_up_are_gone():
    boxes = np.array([[25, 4, 30, 12], [2, 2, 8, 8], [4, 16, 9, 30]], dtype=np.float32)
    crops = tuple(
        BaseCrop(int(b[1]) // 2, int(b[0]) // 2, np.ones((3, 3), np.float32)) for b in boxes
    )
    scores, labels = np.array([0.9, 0.8, 0.7], np.float32), np.array([0, 1, 2])
    found = FrameDetections(
        boxes, scores, labels, boxes[:, :2], boxes[:, 2:], crops, (16, 16), (32, 32)
    )
    cut = restricted(found, (16, 24))
    np.testing.assert_array_equal(cut.boxes_xyxy, [[2, 2, 8, 8]])
    assert (cut.labels.tolist(), cut.movements.tolist()) == ([1], [[8, 8]])
    assert [(crop.top, crop.left) for crop in cut.masks] == [(1, 1)]


def test_boxes_and_masks_come_in_pixels_of_a_frame_of_another_shape():
    # a frame three times as wide and twice as high as the network's input
    box = np.array([[10, 4, 20, 16]], dtype=np.float32)
    crop = BaseCrop(2, 4, np.ones((4, 4), np.float32))  # rows 4 to 12, columns 8 to 16
    found = FrameDetections(
        box, np.array([0.9]), np.array([1]), box[:, :2], box[:, 2:], (crop,), (16, 24), (32, 48)
    )
    (one,) = tracked_instances(found, [7], (64, 144))
    assert one.box_xyxy == (30, 8, 60, 32)
    rows, columns = np.nonzero(decode(one.mask))
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (8, 24, 24, 48)


@pytest.mark.parametrize("made", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_copy_begins_without_a_video_and_leaves_the_first_alone(made):
    images = [np.zeros((8, 8, 3), dtype=np.uint8)] * 12
    first = InstanceStreamer(Still(), MovementTracker(), (Category(1, "a"),), (8, 8))
    stream = first.stream(images, ahead=0)
    next(stream)
    assert len(list(made(first).stream(images))) == 12
    assert len(list(stream)) == 11


class Still:
    """Sees nothing."""

    def reset(self) -> None: ...

    def detect(self, image: np.ndarray) -> FrameDetections:
        return nothing((image.shape[0], image.shape[1]))


class Shapes:
    """Takes down what the network gets."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def reset(self) -> None:
        pass

    def detect(self, image: np.ndarray) -> FrameDetections:
        self.seen.append(image.shape)
        return nothing((image.shape[0], image.shape[1]))


@pytest.mark.parametrize(
    ("frame", "settings", "expected"),
    [
        ((72, 128), {}, (72, 128)),
        ((256, 144), {}, (128, 72)),
        ((90, 90), {}, (72, 72)),
        ((256, 144), {"fixed_size": True, "fill_up": True}, (72, 128)),
    ],
)
def test_frames_reach_the_network_in_their_orientation_unless_its_size_is_fixed(
    frame, settings, expected
):
    engine = Shapes()
    streamer = InstanceStreamer(
        engine, MovementTracker(), (Category(1, "a"),), input_size=(72, 128), **settings
    )
    for result in streamer.stream([np.zeros((*frame, 3), np.uint8)]):
        assert result.dense_masks.shape == (0, *frame)
    assert engine.seen == [(*expected, 3)]
