"""Batches of one orientation: what is in them, how often, and that they repeat."""

from __future__ import annotations

import numpy as np
import pytest

from sgnet.data.clips.clip_pairs import SeededSampler
from sgnet.data.clips.orientation_batches import batches_of_one_orientation

TURNED = np.array([False, True, False, False, True, False, False, True, False, False, False, True])


def order(turned: np.ndarray, batch_size: int, seed: int = 0) -> list[list[int]]:
    found = batches_of_one_orientation(turned, batch_size, np.random.default_rng(seed))
    return found.reshape(-1, batch_size).tolist()


def test_no_pair_gives_no_batch():
    assert order(np.zeros(0, np.bool_), 4) == []


@pytest.mark.parametrize("orientation", [False, True])
def test_pairs_of_one_orientation_stay_in_their_order(orientation):
    assert order(np.full(6, orientation), 3) == [[0, 1, 2], [3, 4, 5]]


def test_batches_stand_where_their_last_pair_was():
    assert order(TURNED, 4) == [[0, 2, 3, 5], [6, 8, 9, 10], [1, 4, 7, 11]]
    assert order(TURNED, 2) == [[0, 2], [1, 4], [3, 5], [6, 8], [9, 10], [7, 11]]


@pytest.mark.parametrize("seed", range(6))
def test_what_is_over_becomes_one_batch_of_one_orientation(seed):
    turned = np.array([True, False, False, False, False, False, False, True])  # 6 and 2
    batches = order(turned, 4, seed)
    assert batches[0] == [1, 2, 3, 4]
    assert len(batches) == 2
    if turned[batches[1]].any():
        assert batches[1][:2] == [0, 7]  # and both again
        assert sorted(batches[1][2:]) == [0, 7]
    else:
        assert batches[1][:2] == [5, 6]
        assert len(set(batches[1])) == 4
        assert set(batches[1][2:]) <= {1, 2, 3, 4}


def test_either_orientation_is_as_frequent_as_among_the_pairs():
    random = np.random.default_rng(0)
    counts = []
    for seed in range(400):
        turned = random.permutation(np.repeat([False, True], [13, 3]))
        counts.append(turned[np.concatenate(order(turned, 4, seed))].sum())
    assert set(counts) <= {0, 4}
    assert np.mean(counts) == pytest.approx(3, abs=4 * np.std(counts) / 20)


def sampler(**settings) -> SeededSampler:
    return SeededSampler(
        len(TURNED),
        seed=3,
        **{
            "num_samples": 24,
            "batch_size": 4,
            "is_turned": lambda item: TURNED[item[0]],
            **settings,
        },
    )


def batches_of(one: SeededSampler) -> list[list[tuple[int, int]]]:
    items = list(one)
    assert len(items) == len(one)
    return [items[start : start + 4] for start in range(0, len(items), 4)]


def test_batches_of_the_sampler_have_one_orientation_and_repeat():
    first = batches_of(sampler())
    assert len(first) == 6
    for batch in first:
        assert len({bool(TURNED[index]) for index, _ in batch}) == 1
    assert batches_of(sampler()) == first
    other = sampler()
    other.set_epoch(1)
    assert batches_of(other) != first


def test_an_epoch_goes_on_with_the_batches_that_are_left():
    whole, rest = batches_of(sampler()), sampler()
    rest.go_on(0, 2)
    assert list(rest) == [item for batch in whole[2:] for item in batch]


def test_processes_take_the_batches_of_one_in_turn():
    whole = batches_of(sampler())
    shares = [batches_of(sampler(rank=rank, world_size=2)) for rank in range(2)]
    assert [batch for pair in zip(*shares, strict=True) for batch in pair] == whole


def test_a_set_of_one_orientation_is_sampled_as_without_looking_at_it():
    plain = SeededSampler(12, seed=3, num_samples=24, batch_size=4)
    assert list(sampler(is_turned=lambda item: False)) == list(plain)
