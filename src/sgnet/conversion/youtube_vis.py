"""Labelled videos from YouTube-VIS files and to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from sgnet.conversion.labelled import LabelledObject, LabelledVideo, LabelledVideos
from sgnet.data.annotations.annotation_entries import MAX_FRAMES, is_inside, parse_categories
from sgnet.data.annotations.annotation_writer import save_annotations, visible_track
from sgnet.data.annotations.category_names import check_names
from sgnet.data.annotations.split_folder import new_split, place_images
from sgnet.data.annotations.youtube_vis import YouTubeVIS, load_annotations
from sgnet.evaluation.results import load_results
from sgnet.files.checked_json import top_level_object
from sgnet.files.path_names import checked_name
from sgnet.ops.rle import MAX_SIDE, is_background
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Video

_ObjectsOf = Callable[[Video], Iterable[LabelledObject]]
UNNAMED = Category(1, "object")  # where no object says what it is


def from_annotations(annotations: Path) -> LabelledVideos:
    """The annotated tracks of a YouTube-VIS file; crowds are left out.

    Raises:
        ValueError: the file is malformed or has no annotations.
    """
    data = load_annotations(annotations)
    if not data.has_annotations:
        raise ValueError(f"{annotations}: annotations must be there, got none; give results=FILE")
    names = {category.id: category.name for category in data.categories}

    def objects(video: Video) -> Iterator[LabelledObject]:
        """The video's tracks without crowds."""
        for index in data.tracks_of_video(video.id):
            track = data.track(index)
            if not track.iscrowd:
                yield LabelledObject(names[track.category_id], track.segmentations)

    return LabelledVideos(Path(), _videos(data, objects), data.categories)


def from_results(annotations: Path, results: Path, min_score: float) -> LabelledVideos:
    """The tracks of a results file.

    Args:
        annotations: YouTube-VIS file with the videos and categories.
        results: YouTube-VIS results file.
        min_score: weaker tracks are left out.

    Raises:
        ValueError: a file is malformed.
    """
    data = load_annotations(annotations)
    names = {category.id: category.name for category in data.categories}
    by_video: dict[int, list[ResultTrack]] = {}
    for track in load_results(results, data.videos, data.categories):
        if track.score >= min_score:
            by_video.setdefault(track.video_id, []).append(track)

    def objects(video: Video) -> Iterator[LabelledObject]:
        """The video's tracks that are scored high enough."""
        for track in by_video.get(video.id, ()):
            name = names[track.category_id]
            yield LabelledObject(name, track.segmentations, score=track.score)

    return LabelledVideos(Path(), _videos(data, objects), data.categories)


def _videos(data: YouTubeVIS, objects: _ObjectsOf) -> Iterator[LabelledVideo]:
    """The videos with names of their own: their frames' folder, with the id where it repeats."""
    names = _names(data.videos)
    for video, name in zip(data.videos, names, strict=True):
        frames = video.file_names or tuple(f"{name}/{i:05d}.jpg" for i in range(video.length))
        shown = tuple(item for item in map(_without_empty, objects(video)) if any(item.masks))
        yield LabelledVideo(name, video.height, video.width, frames, shown)


def _names(videos: Sequence[Video]) -> list[str]:
    """A name for each video: its frames' folder, with the id where several have the same."""
    folders = [_folder(video) for video in videos]
    counts = Counter(folders)
    names = [
        folder if counts[folder] == 1 else f"{folder}_{video.id}"
        for folder, video in zip(folders, videos, strict=True)
    ]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"videos must have folders of their own, got {twice[0]} twice")
    return [checked_name(name, "folder of a video") for name in names]


def _folder(video: Video) -> str:
    parents = {PurePosixPath(name).parent for name in video.file_names}
    parts = parents.pop().parts if len(parents) == 1 else ()
    return "_".join(part for part in parts if part != "img1") or f"video_{video.id}"


def _without_empty(item: LabelledObject) -> LabelledObject:
    """The object, absent where its mask has no pixels."""
    masks = tuple(None if mask is None or is_background(mask) else mask for mask in item.masks)
    return replace(item, masks=masks)


def save_split(
    labelled: LabelledVideos,
    output: Path,
    split: str,
    place: str = "link",
    like: Path | None = None,
) -> Path:
    """Writes `<output>/<split>.json`, and the images as `<output>/<split>/JPEGImages`.

    Videos and objects are numbered from 1 in their order; objects that are never seen are left
    out. Everything is read before anything is written.

    Args:
        labelled: videos; their masks are held, run-length encoded.
        output: folder of the data set.
        split: name of the split.
        place: `link` the image folder, `copy` the frames that the videos have, or `there`: the
            caller puts the images into their place.
        like: YouTube-VIS file whose categories are taken; None takes those of the labels.

    Returns:
        The annotation file.

    Raises:
        ValueError: the labels are malformed, there is no video, a category is not declared, or the
            place is in use.
    """
    images = None if place == "there" else Path(labelled.images)
    path = new_split(Path(output), split, [like], images, linked=place == "link")
    source = list(labelled.videos)
    if not source:
        raise ValueError(f"{labelled.images}: expected at least one video, got none")
    videos = [_checked_video(number, item) for number, item in enumerate(source, start=1)]
    declared = labelled.categories if like is None else parse_categories(top_level_object(like))
    categories = _checked_categories(source, declared)
    if images is not None:
        names = [name for video in videos for name in video.file_names]
        place_images(images, Path(output), split, None if place == "link" else names)
    save_annotations(path, categories, videos, _tracks(source, categories))
    return path


def _checked_video(number: int, item: LabelledVideo) -> Video:
    """A video that can be read again."""
    length = len(item.file_names)
    if not 1 <= length <= MAX_FRAMES or not all(
        1 <= n <= MAX_SIDE for n in (item.height, item.width)
    ):
        raise ValueError(
            f"video {item.name}: expected 1 to {MAX_FRAMES} frames with sides up to {MAX_SIDE}, "
            f"got {length} of {item.width} x {item.height} pixels"
        )
    odd = [name for name in item.file_names if not is_inside(name) or "\\" in name]
    if odd:
        raise ValueError(
            f"video {item.name}: names of frames must be printable, without backslashes and "
            f"inside the image folder, got {odd[0]!r}"
        )
    return Video(number, item.width, item.height, length, item.file_names)


def _checked_categories(
    videos: Iterable[LabelledVideo], declared: tuple[Category, ...] | None
) -> tuple[Category, ...]:
    """The declared categories, else those found, by name from 1."""
    names = sorted({item.category for video in videos for item in video.objects})
    if declared is None:
        check_names(names)
        found = tuple(Category(number, name) for number, name in enumerate(names, start=1))
        return found or (UNNAMED,)
    check_names(category.name for category in declared)
    known = [category.name for category in declared]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"categories must be among those declared, {known}, got {unknown}")
    return declared


def _tracks(
    videos: Iterable[LabelledVideo], categories: Iterable[Category]
) -> Iterator[AnnotatedTrack]:
    ids = {category.name: category.id for category in categories}
    number = 0
    for video_id, video in enumerate(videos, start=1):
        for item in video.objects:
            track = visible_track(number + 1, video_id, ids[item.category], item.masks, item.crowd)
            if any(track.segmentations):
                number += 1
                yield track
