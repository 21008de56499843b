"""Splits of videos by their names: the same on every machine and for every order of the file.

A video's name is the folder of its frames (a still's is its file name without suffix). Names are
ordered and chosen by sha256(salt + name), so that no random generator or version takes part.

- `hash`: a video is held out where its hash modulo 10000 lies below share * 10000. Whether it is
  never depends on other videos, so the split outlives changes of the data set; its share and its
  categories are left to chance. This is the rule for YouTube-VIS.
- `stratified`: share and categories come out even, but a new video may move others. This is the
  rule for data of your own.

Each stratum of the stratified rule holds the videos whose rarest category is the same one (the one
of the fewest videos, of those the smallest id). Guaranteed: every category with a stratum of two or
more videos is on both sides; where each video has one category, these are all with two or more
videos. Further categories of two or more videos are mended by moving videos, as long as no other
category leaves a side for it; there are sets where no split has all of them on both sides.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from sgnet.records import Video

RANGE = 10_000

Names = Mapping[str, Collection[int]]


def video_name(video: Video) -> str:
    """The folder of a video's frames, or its first file's name without suffix.

    The file's name is taken for stills and where the frames lie in no folder.

    Raises:
        ValueError: the video names no frames.
    """
    if not video.file_names:
        raise ValueError(f"video {video.id}: file_names must be there to split by name, got none")
    first = PurePosixPath(video.file_names[0])
    folder = first.parent.as_posix()
    return first.with_suffix("").as_posix() if video.length == 1 or folder == "." else folder


def name_hash(name: str, salt: str = "") -> int:
    """sha256(salt + name) in UTF-8 as an integer, most significant byte first."""
    return int.from_bytes(hashlib.sha256((salt + name).encode()).digest(), "big")


def is_held_out(name: str, share: float, salt: str = "") -> bool:
    """The rule `hash`: whether a video is one of those to validate on.

    Args:
        name: of the video, see `video_name`.
        share: to hold out, in ten thousandths.
        salt: in front of the name; "" is the shipped split.
    """
    return name_hash(name, salt) % RANGE < round(share * RANGE)


def hash_split(names: Iterable[str], share: float, salt: str = "") -> frozenset[str]:
    """The names that the rule `hash` holds out."""
    return frozenset(name for name in names if is_held_out(name, share, salt))


def hash_folds(names: Iterable[str], folds: int, salt: str = "") -> list[frozenset[str]]:
    """The names that the rule `hash` holds out in each of `folds` equal parts of its range."""
    parts: list[set[str]] = [set() for _ in range(folds)]
    for name in names:
        parts[name_hash(name, salt) % RANGE * folds // RANGE].add(name)
    return [frozenset(part) for part in parts]


def stratified_split(names: Names, share: float, salt: str = "") -> frozenset[str]:
    """The names that the rule `stratified` holds out.

    Args:
        names: the category ids of each name's videos; may be none.
        share: to hold out. A stratum of two or more gives at least one and keeps one; beyond that
            the number is the rounded share of all.
        salt: in front of the names; "" is the usual one.
    """
    strata = _strata(names, salt)
    counts = _counts_of_strata([len(stratum) for stratum in strata], share)
    held = {name for stratum, n in zip(strata, counts, strict=True) for name in stratum[:n]}
    return frozenset(_mended(names, held, salt))


def stratified_folds(names: Names, folds: int, salt: str = "") -> list[frozenset[str]]:
    """The names that the rule `stratified` holds out in each fold.

    The sizes of folds differ by one at most. A category with a stratum of two or more is in two
    or more folds, so that it is never missing from all that a fold trains on.

    Args:
        names: the category ids of each name's videos; may be none.
        folds: their number.
        salt: in front of the names; "" is the usual one.
    """
    order = [name for stratum in _strata(names, salt) for name in stratum]
    return [frozenset(order[fold::folds]) for fold in range(folds)]


def one_sided(names: Names, held: Collection[str]) -> list[int]:
    """Ids of categories of two or more names that all are on one side."""
    everywhere = _category_counts(names, names)
    inside = _category_counts(names, held)
    return sorted(c for c, n in everywhere.items() if n > 1 and inside[c] in (0, n))


def names_digest(names: Iterable[str]) -> str:
    """sha256 of the sorted names, each with a line end, in UTF-8; for papers to cite."""
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(names)).encode()).hexdigest()


def _strata(names: Names, salt: str) -> list[list[str]]:
    """Names by their rarest category, each in the order of the hashes; without a category first."""
    counts = _category_counts(names, names)
    strata: dict[int, list[str]] = {}
    for name in sorted(names, key=lambda n: (name_hash(n, salt), n)):
        rarest = min(names[name], key=lambda c: (counts[c], c), default=-1)
        strata.setdefault(rarest, []).append(name)
    return [strata[category] for category in sorted(strata)]


def _counts_of_strata(sizes: Sequence[int], share: float) -> list[int]:
    """How many each stratum gives: its share rounded down, then one more where most is missing."""
    counts = [min(max(1, int(share * n)), n - 1) for n in sizes]
    missing = round(share * sum(sizes)) - sum(counts)
    for _ in range(missing):
        open_strata = [i for i, n in enumerate(sizes) if counts[i] < n - 1]
        if not open_strata:
            break
        counts[max(open_strata, key=lambda i: (share * sizes[i] - counts[i], -i))] += 1
    return counts


def _mended(names: Names, held: set[str], salt: str) -> set[str]:
    """Moves names for categories that are on one side, never taking another's last from a side."""
    everywhere = _category_counts(names, names)
    for category in sorted(one_sided(names, held), key=lambda c: (everywhere[c], c)):
        if category not in one_sided(names, held):
            continue
        inside = _category_counts(names, held)
        into = inside[category] == 0
        having = [n for n in names if category in names[n]]
        for name in sorted(having, key=lambda n: (name_hash(n, salt), n)):
            left = {c: everywhere[c] - inside[c] if into else inside[c] for c in names[name]}
            if all(left[c] > 1 or everywhere[c] == 1 for c in names[name]):
                held = held | {name} if into else held - {name}
                break
    return held


def _category_counts(names: Names, chosen: Iterable[str]) -> Counter[int]:
    """Names of each category."""
    return Counter(category for name in chosen for category in set(names[name]))
