"""J&F against TrackEval's, on golden cases and on drawn ones."""

from __future__ import annotations

import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from golden_case import CASES, Case

from sgnet.evaluation.region_contour import (
    FIGURES,
    contour,
    contour_accuracy,
    contours_table,
    evaluate_contours,
)
from sgnet.ops.rle import area, encode, to_coco
from sgnet.records import AnnotatedTrack, ResultTrack, Rle, Video

HEIGHT, WIDTH, LENGTH = 60, 90, 9


@pytest.fixture
def trackeval_jf(monkeypatch):
    """TrackEval's class; of scikit-image it needs a disk alone."""

    def disk(radius):
        offsets = np.arange(-radius, radius + 1)
        x, y = np.meshgrid(offsets, offsets)
        return (x**2 + y**2 <= radius**2).astype(np.uint8)

    package, module = types.ModuleType("skimage"), types.ModuleType("skimage.morphology")
    module.disk = disk
    monkeypatch.setitem(sys.modules, "skimage", package)
    monkeypatch.setitem(sys.modules, "skimage.morphology", module)
    return pytest.importorskip("trackeval.metrics.j_and_f").JAndF()


def as_trackeval(objects, tracks, length):
    """Its input of one video; masks without a pixel are absent."""

    def listed(masks_of):
        shown = [
            [i for i, masks in enumerate(masks_of) if masks[t] is not None and area(masks[t])]
            for t in range(length)
        ]
        return shown, [[to_coco(masks_of[i][t]) for i in ids] for t, ids in enumerate(shown)]

    gt_ids, gt_dets = listed(objects)
    tracker_ids, tracker_dets = listed(tracks)
    return {
        "num_timesteps": length,
        "num_gt_ids": len(objects),
        "num_tracker_ids": len(tracks),
        "gt_ids": gt_ids,
        "gt_dets": gt_dets,
        "tracker_ids": tracker_ids,
        "tracker_dets": tracker_dets,
    }


def theirs(metric, videos, ground_truth, results):
    rows = {}
    for video in videos:
        objects = [
            t.segmentations for t in ground_truth if t.video_id == video.id and not t.iscrowd
        ]
        tracks = [t.segmentations for t in results if t.video_id == video.id]
        if objects:
            rows[video.id] = metric.eval_sequence(as_trackeval(objects, tracks, video.length))
    return metric.combine_sequences(rows)


def whole(track, length):
    """A track as long as its video."""
    masks = (*track.segmentations, *[None] * length)[:length]
    return replace(track, segmentations=masks)


@pytest.mark.parametrize("name", CASES)
def test_figures_of_golden_videos_are_trackevals(name, trackeval_jf):
    case = Case(name)
    lengths = {video.id: video.length for video in case.videos}
    truth, results = (
        [whole(track, lengths[track.video_id]) for track in tracks]
        for tracks in (case.ground_truth, case.results)
    )
    found = evaluate_contours(case.videos, truth, results)
    expected = theirs(trackeval_jf, case.videos, truth, results)
    assert found == pytest.approx({key: expected[key] for key in FIGURES}, abs=1e-9)


def disc(random) -> Rle | None:
    if random.random() < 0.15:
        return None
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    centre, radius = random.uniform(0, [HEIGHT, WIDTH]), random.uniform(4, 25)
    return encode(((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2).astype(np.uint8))


@pytest.mark.parametrize(("objects", "tracks"), [(1, 0), (1, 1), (2, 5), (4, 2), (3, 3)])
def test_figures_of_drawn_videos_are_trackevals(objects, tracks, trackeval_jf):
    random = np.random.default_rng(objects * 10 + tracks)
    videos = [Video(number, WIDTH, HEIGHT, LENGTH, ()) for number in (1, 2)]
    truth, results = [], []
    for video in videos:
        drawn = [tuple(disc(random) for _ in range(LENGTH)) for _ in range(objects)]
        nothing = (None,) * LENGTH
        truth += [
            AnnotatedTrack(number, video.id, 1, False, masks, nothing, nothing)
            for number, masks in enumerate(drawn)
        ]
        for number in range(tracks):
            near = drawn[number % objects]
            masks = tuple(mask if random.random() < 0.7 else disc(random) for mask in near)
            results.append(ResultTrack(video.id, 1, 0.5, masks))
    found = evaluate_contours(videos, truth, results)
    expected = theirs(trackeval_jf, videos, truth, results)
    assert found == pytest.approx({key: expected[key] for key in FIGURES}, abs=1e-9)


def test_the_contour_of_a_square_by_hand():
    mask = np.zeros((5, 5), dtype=bool)
    mask[1:3, 1:3] = True
    assert contour(mask).astype(int).tolist() == [
        [1, 1, 1, 0, 0],
        [1, 0, 1, 0, 0],
        [1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    assert not contour(np.ones((4, 6), dtype=bool)).any()


def square(shift: int, size: int = 20) -> Rle:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[10 : 10 + size, 10 + shift : 10 + shift + size] = 1
    return encode(mask)


def test_contours_agree_within_the_reach_and_no_farther():
    assert contour_accuracy(square(0), square(0)) == 1
    assert contour_accuracy(square(0), square(1)) == 1  # the reach is one pixel here
    assert contour_accuracy(square(0), square(2)) < 0.8
    assert contour_accuracy(square(0), None) == contour_accuracy(None, square(0)) == 0
    assert contour_accuracy(None, None) == 1
    full = encode(np.ones((HEIGHT, WIDTH), dtype=np.uint8))
    assert contour_accuracy(full, None) == 1  # neither has a contour


def test_no_object_has_no_figures_and_says_so():
    video = Video(1, WIDTH, HEIGHT, 1, ())
    crowd = AnnotatedTrack(1, 1, 1, True, (square(0),), (None,), (None,))
    assert evaluate_contours([video], [crowd], [ResultTrack(1, 1, 0.5, (square(0),))]) == {}
    assert contours_table({}).startswith("J&F is undefined")


def test_the_table_is_in_per_cent():
    video = Video(1, WIDTH, HEIGHT, 1, ())
    true = AnnotatedTrack(1, 1, 1, False, (square(0),), (None,), (None,))
    figures = evaluate_contours([video], [true], [ResultTrack(1, 1, 0.5, (square(0),))])
    assert figures == {"J&F": 1, **dict.fromkeys(FIGURES[1:], 1), "J-Decay": 0, "F-Decay": 0}
    heads, values = (line.split() for line in contours_table(figures).splitlines())
    assert dict(zip(heads, values, strict=True))["J&F"] == "100.0"
