from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sgnet.evaluation.video_iou import mask_areas, track_ious
from sgnet.ops.rle import encode
from sgnet.structures import Rle


def track(masks: NDArray[np.bool_], present: NDArray[np.bool_]) -> tuple[Rle | None, ...]:
    return tuple(encode(m) if p else None for m, p in zip(masks, present, strict=True))


def test_ious_are_those_of_stacked_pixels() -> None:
    random = np.random.default_rng(1)
    masks = random.random((7, 4, 9, 11)) < random.random((7, 4, 1, 1))  # [tracks, T, H, W]
    present = random.random((7, 4)) < 0.7
    volumes = masks & present[:, :, None, None]
    tracks = [track(m, p) for m, p in zip(masks, present, strict=True)]
    expected = [[(a & b).sum() / max(1, (a | b).sum()) for b in volumes[3:]] for a in volumes[:3]]
    np.testing.assert_allclose(track_ious(tracks[:3], tracks[3:]), expected, rtol=0, atol=1e-15)


def test_nothing_on_either_side_gives_an_empty_matrix() -> None:
    one = [(encode(np.ones((2, 2), np.uint8)),)]
    assert track_ious([], []).shape == (0, 0)
    assert track_ious(one, []).shape == (1, 0)
    assert track_ious([], one).shape == (0, 1)


def test_tracks_absent_everywhere_overlap_nothing() -> None:
    empty = encode(np.zeros((2, 2), np.uint8))
    assert track_ious([(None, None)], [(None, None), (empty, None)]).tolist() == [[0.0, 0.0]]


def test_absent_frames_have_no_area() -> None:
    assert mask_areas(()) == []
    assert mask_areas((None, encode(np.ones((2, 3), np.uint8)))) == [0, 6]


def test_masks_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        track_ious([(encode(np.ones((2, 3), np.uint8)),)], [(encode(np.ones((3, 2), np.uint8)),)])
