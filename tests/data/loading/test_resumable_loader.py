from __future__ import annotations

import pytest
import torch
from builders import make_targets

from sgnet.data.loading.resumable_loader import with_following
from sgnet.structures import ClipPairBatch

BOX = (4.0, 4.0, 40.0, 40.0)


def batches(count: int, read: list[int]):
    """Batches with as many objects as their number says."""
    for number in range(count):
        read.append(number)
        targets = make_targets([[BOX] * number])
        images = torch.zeros(1, 3, 64, 96, dtype=torch.uint8)
        yield ClipPairBatch(images, images, targets, targets, (str(number),))


@pytest.mark.parametrize(
    ("count", "accumulated", "begun", "expected"),
    [
        (0, 3, 0, []),
        (2, 1, 0, [[], []]),
        (7, 3, 0, [[1, 2], [2], [], [4, 5], [5], [], []]),
        (5, 4, 4, [[1, 2, 3], [2, 3], [3], [], []]),
        (4, 3, 2, [[], [2, 3], [3], []]),  # behind two batches of a step
    ],
)
def test_a_batch_knows_the_rest_of_its_step(count, accumulated, begun, expected):
    told = list(with_following(batches(count, []), accumulated, begun))
    assert [batch.names for batch in told] == [(str(number),) for number in range(count)]
    found = [[int(t.key.valid.sum()) for t in batch.following] for batch in told]
    assert found == expected


def test_what_follows_comes_without_masks_and_moves_along():
    first = next(with_following(batches(3, []), 3))
    assert [t.reference.labels.shape for t in first.following] == [(1, 1), (1, 2)]
    there = first.to(torch.device("meta"))
    for targets in there.following:
        assert targets.key.masks.shape == (0, 64, 96)
        assert targets.key.boxes_xyxy.device.type == "meta"


def test_a_step_is_read_ahead_and_no_more():
    read: list[int] = []
    told = with_following(batches(9, read), 3)
    assert read == []
    seen = [len(read) for _ in told]
    assert seen == [3, 4, 5, 6, 7, 8, 9, 9, 9]


def test_a_batch_knows_which_of_the_rest_have_their_sides_exchanged():
    def sized(*sizes):
        for number, size in enumerate(sizes):
            images = torch.zeros(1, 3, *size, dtype=torch.uint8)
            targets = make_targets([[BOX]], size)
            yield ClipPairBatch(images, images, targets, targets, (str(number),))

    told = list(with_following(sized((64, 96), (96, 64), (64, 96)), 3))
    assert [[t.turned for t in batch.following] for batch in told] == [[True, False], [True], []]
