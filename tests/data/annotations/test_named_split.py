"""Splits by name, beside sha256 of the command line and properties over random data sets."""

from __future__ import annotations

import hashlib
import random

import pytest

from sgnet.data.annotations.named_split import (
    hash_folds,
    hash_split,
    is_held_out,
    name_hash,
    names_digest,
    one_sided,
    stratified_folds,
    stratified_split,
    video_name,
)
from sgnet.records import Video


def random_names(seed, count=120, categories=12, most=3):
    generator = random.Random(seed)
    return {
        f"video{generator.getrandbits(40):x}": {
            min(int(generator.expovariate(0.4)), categories - 1)
            for _ in range(generator.randint(0, most))
        }
        for _ in range(count)
    }


def strata_of(names):
    """The rarest category of each name, worked out plainly."""
    count = {c: sum(c in own for own in names.values()) for c in range(100)}
    return {n: min(own, key=lambda c: (count[c], c)) for n, own in names.items() if own}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("a/b/0.jpg", "a/b/1.jpg"), "a/b"),
        (("x/0.jpg",), "x/0"),
        (("0001.png",), "0001"),
        (("first.jpg", "second.jpg"), "first"),
    ],
)
def test_a_video_is_named_by_the_folder_of_its_frames(files, expected):
    assert video_name(Video(1, 2, 2, len(files), files)) == expected


def test_a_video_without_frames_has_no_name():
    with pytest.raises(ValueError, match="video 3: file_names"):
        video_name(Video(3, 2, 2, 2, ()))


def test_the_hash_is_sha256_of_salt_and_name():
    # the standard's own example
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert name_hash("abc") == name_hash("c", "ab") == int(abc, 16)


@pytest.mark.parametrize("names", [[], ["a"], [f"v{i}" for i in range(3000)]])
def test_the_hash_rule_looks_at_one_name_only(names):
    held = hash_split(names, 0.1)
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in names}
    assert held == {name for name in names if int(digests[name], 16) % 10000 < 1000}
    assert held == hash_split(reversed(names), 0.1)
    assert all(is_held_out(name, 0.1) == (name in held) for name in names)
    if len(names) > 100:
        assert 0.08 < len(held) / len(names) < 0.12
        assert held < hash_split(names, 0.2)
        assert held != hash_split(names, 0.1, "other")


@pytest.mark.parametrize("folds", [2, 5])
def test_folds_part_the_names(folds):
    names = random_names(3)
    for parts in (hash_folds(names, folds), stratified_folds(names, folds)):
        assert len(parts) == folds
        assert sorted(n for part in parts for n in part) == sorted(names)
    sizes = [len(part) for part in stratified_folds(names, folds)]
    assert max(sizes) - min(sizes) <= 1
    assert [sum(map(len, split({}, folds))) for split in (hash_folds, stratified_folds)] == [0, 0]


def test_a_fold_of_the_hash_rule_is_the_split_of_that_share():
    names = random_names(4)
    assert hash_folds(names, 10)[0] == hash_split(names, 0.1)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_strata_of_two_or_more_are_on_both_sides(seed, share):
    names = random_names(seed)
    held = stratified_split(names, share)
    strata = strata_of(names)
    for category in set(strata.values()):
        members = {n for n, c in strata.items() if c == category}
        if len(members) > 1:
            having = {n for n, own in names.items() if category in own}
            assert having & held
            assert having - held
    assert abs(len(held) - share * len(names)) <= len(set(strata.values())) + 1


@pytest.mark.parametrize("seed", range(10))
def test_with_one_category_a_video_all_of_two_or_more_are_on_both_sides(seed):
    names = {name: list(own)[:1] for name, own in random_names(seed, most=1).items()}
    held = stratified_split(names, 0.1)
    assert one_sided(names, held) == []
    assert 0 < len(held) < len(names)


def test_a_category_that_is_nobodys_rarest_is_mended():
    # 1 is everywhere; 9 only beside the rarer 2 and 3
    names = {"a": [2, 9], "b": [3, 9], "c": [1], "d": [1], "e": [1], "f": [1]}
    assert one_sided(names, stratified_split(names, 0.2)) == []


def test_three_pairwise_shared_categories_cannot_all_be_on_both_sides():
    names = {"a": [1, 2], "b": [2, 3], "c": [1, 3]}
    assert len(one_sided(names, stratified_split(names, 0.34))) == 1


@pytest.mark.parametrize("seed", range(5))
def test_the_split_does_not_depend_on_the_order(seed):
    names = random_names(seed)
    shuffled = list(names.items())
    random.Random(seed).shuffle(shuffled)
    assert stratified_split(dict(shuffled), 0.2) == stratified_split(names, 0.2)
    assert stratified_folds(dict(shuffled), 4) == stratified_folds(names, 4)


def test_no_names_are_split_into_none():
    assert stratified_split({}, 0.1) == frozenset()
    assert hash_split([], 0.1) == frozenset()


def test_the_digest_is_that_of_the_sorted_lines():
    assert names_digest([]) == hashlib.sha256(b"").hexdigest()
    assert names_digest(["b", "a"]) == hashlib.sha256(b"a\nb\n").hexdigest()
