"""Sets without objects: what cannot be learnt or scored, said before training starts."""

from __future__ import annotations

from collections.abc import Iterable

from sgnet.data.annotations.youtube_vis import YouTubeVIS
from sgnet.ops.rle import is_background
from sgnet.records import Video


def visible_categories(annotations: YouTubeVIS, videos: Iterable[Video]) -> set[int]:
    """Ids of the categories of which an object is visible; crowds do not count.

    Args:
        annotations: of a file.
        videos: those looked at.
    """
    found: set[int] = set()
    for video in videos:
        for index in annotations.tracks_of_video(video.id):
            category, is_crowd = annotations.kind(index)
            if category in found or is_crowd:
                continue  # without making a track of it
            masks = annotations.track(index).segmentations
            if any(mask is not None and not is_background(mask) for mask in masks):
                found.add(category)
    return found


def problems_of_sets(name: str, trained: set[int], scored: set[int] | None) -> list[str]:
    """What is missing of a training set and of its validation videos.

    Args:
        name: of the data set, for messages.
        trained: ids of the categories visible in what is trained on.
        scored: the same of what is validated on; None without validation.

    Returns:
        A message for each problem; [] where there is none.
    """
    problems = []
    if not trained:
        problems.append(
            f"{name}: the training videos show no object (crowds do not count); the network can "
            "only learn that there is none"
        )
    if scored is not None and not scored:
        problems.append(
            f"{name}: the validation videos show no object (crowds do not count), so that AP is "
            "undefined (-1) and best.ckpt is that of the first validation; take last.ckpt, or "
            "validate on other videos (data.val_split, data.holdout)"
        )
    untrained = sorted((scored or set()) - trained)
    if trained and untrained:
        problems.append(
            f"{name}: the training videos show no object of category ids {untrained}, which "
            "validation shows"
        )
    return problems
