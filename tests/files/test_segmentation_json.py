from __future__ import annotations

import numpy as np
import pytest

from sgnet.files.checked_json import JsonEntry
from sgnet.files.segmentation_json import parse_segmentations, segmentation_to_json
from sgnet.ops.rle import encode


def a_track(*values: object) -> JsonEntry:
    return JsonEntry("results.json", "results[3]", {"segmentations": list(values)})


def json_mask(height: int, width: int) -> dict[str, object]:
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[0, :1] = 1
    return segmentation_to_json(encode(mask))


def test_masks_of_all_forms_come_in_their_frames():
    mask = encode(np.eye(4, dtype=np.uint8))
    compressed = segmentation_to_json(mask)
    listed = {"size": [4, 4], "counts": [0, 1, 4, 1, 4, 1, 4, 1]}
    empty_runs = {"size": [4.0, 4], "counts": [0, 1, 2, 0, 2, 1, 4, 1, 4, 1]}
    square = [[0, 0, 4, 0, 4, 4, 0, 4]]
    entry = a_track(None, compressed, listed, {}, empty_runs, compressed, square, [])
    read = parse_segmentations(entry, 4, 4, 8)
    assert read[1:3] == read[4:6] == (mask, mask)
    assert read[0] is read[3] is read[7] is None
    assert read[6] == encode(np.ones((4, 4), dtype=np.uint8))


def test_the_first_wrong_frame_is_named_whatever_comes_behind():
    good = json_mask(4, 5)
    for wrong, word in (
        (good | {"counts": "\x7f"}, "alphabet"),
        (good | {"counts": good["counts"][:-1] + "P"}, "unterminated"),
        (json_mask(5, 4) | {"size": [4, 5], "counts": "01"}, "20 pixels"),
        (json_mask(5, 4), "size must be"),
    ):
        with pytest.raises(ValueError, match=rf"results\[3\]: segmentations\[2\]: .*{word}"):
            parse_segmentations(a_track(good, None, wrong, good, wrong), 4, 5, 5)


def test_true_is_no_side_of_a_mask():
    single = json_mask(1, 1)
    assert parse_segmentations(a_track(single), 1, 1, 1) == (encode(np.ones((1, 1), np.uint8)),)
    with pytest.raises(ValueError, match="size must be"):
        parse_segmentations(a_track(single | {"size": [True, True]}), 1, 1, 1)
