"""What is said of sets that show too little."""

from __future__ import annotations

import numpy as np
import pytest

from sgnet.data.annotations.annotation_writer import save_annotations, visible_track
from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.data.loading.empty_sets import problems_of_sets, visible_categories
from sgnet.ops.rle import encode
from sgnet.records import Category, Video

VIDEOS = (Video(1, 6, 4, 2, ()), Video(2, 6, 4, 2, ()))
MASK, EMPTY = encode(np.ones((4, 6), np.uint8)), encode(np.zeros((4, 6), np.uint8))


@pytest.mark.parametrize(
    ("tracks", "seen"),
    [
        ([], [set(), set()]),
        ([(1, 5, [None, None], False), (1, 5, [EMPTY, None], False)], [set(), set()]),
        ([(1, 5, [MASK, MASK], True)], [set(), set()]),
        ([(1, 5, [None, MASK], False), (2, 7, [MASK, None], False)], [{5}, {7}]),
    ],
)
def test_a_category_is_seen_where_an_object_has_a_pixel(tmp_path, tracks, seen):
    entries = [
        visible_track(number, video, category, masks, crowd)
        for number, (video, category, masks, crowd) in enumerate(tracks, start=1)
    ]
    save_annotations(tmp_path / "x.json", (Category(5, "a"), Category(7, "b")), VIDEOS, entries)
    read = load_annotations(tmp_path / "x.json")
    assert [visible_categories(read, [video]) for video in VIDEOS] == seen


@pytest.mark.parametrize(
    ("trained", "scored", "words"),
    [
        (set(), None, ["training videos"]),
        (set(), set(), ["training videos", "AP is undefined"]),
        ({1}, None, []),
        ({1, 2}, {2}, []),
        ({1}, set(), ["AP is undefined"]),
        ({1}, {1, 4, 3}, ["category ids [3, 4]"]),
    ],
)
def test_each_lack_is_a_message(trained, scored, words):
    said = problems_of_sets("set", trained, scored)
    assert len(said) == len(words)
    assert all(word in message for word, message in zip(words, said, strict=True))
