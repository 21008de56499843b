"""Parts an annotation file into training and validation videos."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sgnet.data.annotations.named_split import (
    hash_folds,
    hash_split,
    names_digest,
    one_sided,
    stratified_folds,
    stratified_split,
    video_name,
)
from sgnet.data.annotations.split_folder import new_split, place_images
from sgnet.data.annotations.youtube_vis import YouTubeVIS, load_annotations
from sgnet.files.atomic_file import atomic_path, require_writable, write_json
from sgnet.files.checked_json import top_level_object
from sgnet.files.outputs import check_outputs

RULES = ("stratified", "hash")
SPLIT_FILE = "split.json"


@dataclass(frozen=True)
class SplitRule:
    """How videos are parted, see `sgnet.data.annotations.named_split`.

    Attributes:
        rule: `stratified` or `hash`.
        share: of the videos to hold out; without effect where there are folds.
        folds: parts that are held out in turn; None holds out once.
        salt: in front of the names.

    Raises:
        ValueError: the rule is unknown, the share no share, or there are fewer than two folds.
    """

    rule: str = "stratified"
    share: float = 0.1
    folds: int | None = None
    salt: str = ""

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {RULES}, got {self.rule!r}")
        if not 0 < self.share < 1:
            raise ValueError(f"share must lie between 0 and 1, got {self.share}")
        if self.folds is not None and self.folds < 2:
            raise ValueError(f"folds must be at least 2, got {self.folds}")

    def held_out(self, names: dict[str, set[int]]) -> list[frozenset[str]]:
        """The names to validate on, one set a fold; a single set without folds."""
        stratified = self.rule == "stratified"
        if self.folds is not None:
            split = stratified_folds if stratified else hash_folds
            return split(names, self.folds, self.salt)
        once = stratified_split if stratified else hash_split
        return [once(names, self.share, self.salt)]


def categories_of_names(data: YouTubeVIS) -> dict[str, set[int]]:
    """The category ids of each video's tracks by the video's name.

    Raises:
        ValueError: a video names no frames.
    """
    numbers = {video.id: video_name(video) for video in data.videos}
    names: dict[str, set[int]] = {name: set() for name in numbers.values()}
    for track in data.tracks():
        names[numbers[track.video_id]].add(track.category_id)
    return names


def write_splits(
    annotations: Path, images: Path, folder: Path, rule: SplitRule
) -> dict[str, object]:
    """Writes `train.json` and `val.json`, their images as links, and `split.json`.

    With folds they lie in `fold0`, `fold1`, ...; every field of the original stays as it is.

    Args:
        annotations: YouTube-VIS file.
        images: folder of its frames.
        folder: to write to.
        rule: that parts the videos.

    Returns:
        What split.json holds: the rule, and for each part names, their hash and categories that
        are on one side although they have two or more videos.

    Raises:
        ValueError: the file is malformed, a side would be empty, or a file is there already.
        OSError: the folder cannot be written.
    """
    data = load_annotations(annotations)
    names = categories_of_names(data)
    parts = rule.held_out(names)
    for held in parts:
        if not 0 < len(held) < len(names):
            raise ValueError(
                f"{annotations}: the split must leave videos on both sides, got {len(held)} of "
                f"{len(names)} to validate on"
            )
    document = top_level_object(annotations).fields
    files = []
    for number, held in enumerate(parts):
        place = folder if rule.folds is None else folder / f"fold{number}"
        for split, chosen in (("train", names.keys() - held), ("val", held)):
            path = new_split(place, split, [annotations], images)
            files.append((place, split, path, chosen))
    check_outputs([folder / SPLIT_FILE], [annotations])
    require_writable(folder)
    for place, split, path, chosen in files:
        place_images(images, place, split)
        with atomic_path(path) as temporary:
            temporary.write_text(_part(document, _numbers(data, chosen)), encoding="utf-8")
    described = _described(annotations, names, rule, parts)
    write_json(described, folder / SPLIT_FILE)
    return described


def _described(
    annotations: Path, names: dict[str, set[int]], rule: SplitRule, parts: list[frozenset[str]]
) -> dict[str, object]:
    return {
        "annotations": annotations.name,
        "rule": rule.rule,
        "share": rule.share if rule.folds is None else None,
        "folds": rule.folds,
        "salt": rule.salt,
        "videos": len(names),
        "parts": [
            {
                "videos": len(held),
                "sha256": names_digest(held),
                "one_sided_categories": one_sided(names, held),
                "names": sorted(held),
            }
            for held in parts
        ],
    }


def _part(document: dict[str, Any], numbers: Collection[int]) -> str:
    """A checked document with some of its videos and their annotations only."""
    part = {**document, "videos": [v for v in document["videos"] if v["id"] in numbers]}
    if document.get("annotations") is not None:
        kept = [track for track in document["annotations"] if track["video_id"] in numbers]
        part["annotations"] = kept
    return json.dumps(part) + "\n"


def _numbers(data: YouTubeVIS, names: Collection[str]) -> set[int]:
    return {video.id for video in data.videos if video_name(video) in names}
