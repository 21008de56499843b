"""Frames that cannot be read: their pairs are replaced by others, and it is told."""

from __future__ import annotations

import pytest
import torch
from data_sets import write_data_set

from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.data.clips.clip_pairs import ClipPairDataset
from sgnet.data.clips.collate import collate_clip_pairs
from sgnet.data.clips.frames import BrokenFrameError
from sgnet.data.clips.transforms import ClipPairTransform


@pytest.fixture
def data_set(tmp_path):
    path, images = write_data_set(tmp_path)
    return ClipPairDataset(load_annotations(path), images, ClipPairTransform((64, 96))), images


def test_whole_frames_are_never_replaced(data_set):
    dataset, _ = data_set
    assert all(dataset[i, i].replaced == () for i in range(len(dataset)))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (b"no image", "cannot be decoded"),
        (b"", "cannot be decoded"),
        (b"\xff\xd8\xff\xe0\x00\x04", "is cut off"),
    ],
)
def test_a_pair_with_a_broken_frame_is_replaced_and_the_others_stay(data_set, damage, problem):
    dataset, images = data_set
    before = [dataset[i, i] for i in range(len(dataset))]
    (images / "v2/00003.jpg").write_bytes(damage)
    replaced = []
    for index, whole in enumerate(before):
        again, same = dataset[index, index], dataset[index, index]
        assert torch.equal(again.key.image, same.key.image)  # whichever process reads it
        if whole.name == "v2/00003.jpg":
            replaced.append(again)
            assert again.name != whole.name
            assert len(again.replaced) >= 1
            assert f"v2/00003.jpg: frame {problem}" in again.replaced[0]
        else:
            assert again.replaced == ()
            assert torch.equal(again.key.image, whole.key.image)
    assert len(replaced) == 1
    batch = collate_clip_pairs([*before[:2], *replaced])
    assert batch.replaced == replaced[0].replaced


def test_a_data_set_of_broken_frames_is_given_up(data_set):
    dataset, images = data_set
    for path in images.rglob("*.jpg"):
        path.write_bytes(b"no image")
    with pytest.raises(BrokenFrameError, match=r"5 clip pairs in a row are broken: .*\.jpg"):
        dataset[0, 0]
