from __future__ import annotations

import cv2
import numpy as np
import pytest

from sgnet.files.jpeg_end import is_cut_jpeg

KINDS = {
    "baseline": [],
    "progressive": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "restarts": [cv2.IMWRITE_JPEG_RST_INTERVAL, 2],
}


def jpeg(size=(48, 64), options=()) -> bytes:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", image, list(options))[1].tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_of_a_jpeg_is_found_and_no_whole_one(kind):
    whole = jpeg(options=KINDS[kind])
    assert not is_cut_jpeg(whole)
    assert all(is_cut_jpeg(whole[:end]) for end in range(2, len(whole)))


def test_bytes_behind_the_end_are_fine():
    assert not is_cut_jpeg(jpeg() + b"a phone's film \xff\xd8 \xff\xda")


def test_the_end_of_a_preview_is_not_the_end():
    preview, whole = jpeg((8, 8)), jpeg()
    segment = b"\xff\xe1" + (len(preview) + 2).to_bytes(2, "big") + preview
    with_preview = whole[:2] + segment + whole[2:]
    assert not is_cut_jpeg(with_preview)
    assert is_cut_jpeg(with_preview[:-2])


@pytest.mark.parametrize("data", [b"", b"\x89PNG", b"no image"])
def test_what_is_no_jpeg_is_not_cut(data):
    assert not is_cut_jpeg(data)
