"""Pictures of data sets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from data_sets import HEIGHT, WIDTH, box_mask, change, picture, write_data_set

from sgnet.data.shapes import ShapesSpec, generate_shapes
from sgnet.data_check.preview import contact_sheet
from sgnet.ops.rle import decode

TINY = ShapesSpec(width=64, height=48, min_frames=2, max_frames=4)


def test_contact_sheet_shows_raw_and_outlined_frames(tmp_path: Path) -> None:
    generate_shapes(tmp_path, TINY, "train", 2, 0)
    sheet = contact_sheet(tmp_path, "train", rows=5, columns=2)
    assert sheet.shape == (2 * (48 + 4), 2 * 2 * (64 + 4), 3)
    raw, outlined = sheet[:48, :64], sheet[:48, 68 : 68 + 64]
    assert (raw != outlined).any()


def test_contact_sheet_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rows >= 1"):
        contact_sheet(tmp_path, "train", rows=0, columns=1)


def test_outlines_lie_on_the_objects_of_their_frame(tmp_path):
    write_data_set(tmp_path)
    sheet = contact_sheet(tmp_path, "train", rows=1, columns=1, skip=1)
    raw, outlined = sheet[:HEIGHT, :WIDTH], sheet[:HEIGHT, WIDTH + 4 : 2 * WIDTH + 4]
    assert np.abs(raw.astype(int) - picture(2, 0)[..., ::-1]).mean() < 5  # of the second video
    red = (outlined == (255, 64, 64)).all(axis=-1)
    edge = decode(box_mask(5, 5)).astype(bool)  # the first track in the first frame
    edge[6:16, 6:24] = False
    assert red[13:][edge[13:]].all()  # below its label
    changed = (raw != outlined).any(axis=-1)
    assert not changed[40:52, 50:70].any()  # where the second track will be: it comes later


def test_videos_of_several_sizes_share_a_sheet(tmp_path):
    path, images = write_data_set(tmp_path, seeds=(1, 2))
    generate_shapes(tmp_path / "shapes", TINY, "train", 1, 0)
    small = json.loads((tmp_path / "shapes/train/instances.json").read_text())["videos"][0]
    (images / small["file_names"][0]).parent.mkdir()
    for name in small["file_names"]:
        (images / name).write_bytes((tmp_path / "shapes/train/JPEGImages" / name).read_bytes())
    change(path, lambda document: document["videos"].append(small | {"id": 9}))
    sheet = contact_sheet(tmp_path, "train", rows=9, columns=2)
    assert sheet.shape == (2 * (HEIGHT + 4) + 48 + 4, 4 * (WIDTH + 4), 3)
    assert not sheet[-52:, 4 * 68 :].any()


def test_a_still_is_drawn_once(tmp_path):
    path, _ = write_data_set(tmp_path)

    def shorten(document):
        video = document["videos"][0]
        document["videos"] = [video | {"length": 1, "file_names": video["file_names"][:1]}]
        document["annotations"] = []

    change(path, shorten)
    assert contact_sheet(tmp_path, "train", rows=1, columns=4).shape[1] == 2 * (WIDTH + 4)
    change(path, lambda document: document["videos"][0].pop("file_names"))
    with pytest.raises(ValueError, match="file_names expected 1 frames, got none"):
        contact_sheet(tmp_path, "train", rows=1, columns=4)


def test_what_is_not_there_is_named(tmp_path):
    write_data_set(tmp_path)
    with pytest.raises(ValueError, match="leave some of 3 videos, got 3"):
        contact_sheet(tmp_path, "train", rows=1, columns=1, skip=3)
    with pytest.raises(FileNotFoundError, match="split 'val'"):
        contact_sheet(tmp_path, "val", rows=1, columns=1)
