"""Videos of many objects out of videos of few: objects of some pasted into others."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
from rich import progress

from sgnet.data.annotations.annotation_writer import save_annotations, visible_track
from sgnet.data.annotations.split_folder import split_places
from sgnet.data.annotations.youtube_vis import YouTubeVIS
from sgnet.data.clips.copy_paste import PasteRules, Placement, pasted
from sgnet.data.clips.frames import read_frame
from sgnet.data.clips.raw_pairs import RawFrame, UInt8Array
from sgnet.files.outputs import is_there
from sgnet.ops.rle import decode, encode
from sgnet.records import AnnotatedTrack, Category, Rle, Video

JPEG_QUALITY = 92


@dataclass(frozen=True)
class ComposingRules:
    """How videos are put together.

    Args:
        objects: pasted into a video, least and most.
        paste: where objects go.

    Raises:
        ValueError: a setting is out of range.
    """

    objects: tuple[int, int] = (1, 3)
    paste: PasteRules = field(default_factory=PasteRules)

    def __post_init__(self) -> None:
        if not 0 <= self.objects[0] <= self.objects[1]:
            raise ValueError(f"objects must be two numbers, least and most, got {self.objects}")


@dataclass(frozen=True)
class _Actor:
    """A track pasted into a video.

    Attributes:
        track: with its masks.
        video: that it comes from.
        place: the same for all frames.
        enters: frame of the new video in which its first frame is shown.
        first: frame of its own video that is shown there.
    """

    track: AnnotatedTrack
    video: Video
    place: Placement
    enters: int
    first: int

    def frame_at(self, number: int) -> int | None:
        """Its own video's frame that is shown in a frame of the new one; None without any."""
        own = number - self.enters + self.first
        return own if number >= self.enters and own < self.video.length else None


class VideoComposer:
    """Makes new videos: each has a video as its ground and objects of others in front of it.

    Video n follows from the seed and n alone.

    Args:
        annotations: with objects.
        images: folder of their frames.
        rules: of composing.
        seed: of all draws.

    Raises:
        ValueError: no object is ever visible, or fewer than the rules ask for are in other videos
            than the ground.
    """

    def __init__(
        self, annotations: YouTubeVIS, images: Path, rules: ComposingRules, seed: int
    ) -> None:
        self._annotations = annotations
        self._images = images
        self._rules = rules
        self._seed = seed
        tracks = (annotations.track(i) for i in range(len(annotations)))
        self._castable = [
            index
            for index, track in enumerate(tracks)
            if not track.iscrowd and any(mask is not None for mask in track.segmentations)
        ]
        if not self._castable:
            raise ValueError("annotations must have visible objects to paste, got none")
        per_video = Counter(annotations.track(index).video_id for index in self._castable)
        fewest = len(self._castable) - max(per_video.values())
        if fewest < rules.objects[0]:
            raise ValueError(
                f"objects: at least {rules.objects[0]} must be found outside of each video, got "
                f"{fewest} outside of video {per_video.most_common(1)[0][0]}"
            )

    def ground(self, number: int) -> Video:
        """The video that is the ground of new video `number`: each in turn, in a drawn order."""
        count = len(self._annotations.videos)
        turn, place = divmod(number, count)
        order = np.random.default_rng([self._seed, turn, 0]).permutation(count)
        return self._annotations.videos[int(order[place])]

    @property
    def categories(self) -> tuple[Category, ...]:
        """Those of the videos that new ones are made of."""
        return self._annotations.categories

    @property
    def description(self) -> dict[str, object]:
        """Seed and rules, for the file's `info`."""
        return {"seed": self._seed, "rules": asdict(self._rules)}

    def video(self, number: int) -> Video:
        """A new video: its number, counted from 1, names it."""
        ground = self.ground(number)
        names = tuple(f"{number + 1:05d}/{t:05d}.jpg" for t in range(ground.length))
        return Video(number + 1, ground.width, ground.height, ground.length, names)

    def frames(self, number: int) -> Iterator[RawFrame]:
        """The frames of a new video.

        Track ids are 1, 2, ... in the order of the ground's tracks and then of what is pasted;
        labels are category ids.

        Args:
            number: of the video, from 0.
        """
        ground = self.ground(number)
        indices = self._annotations.tracks_of_video(ground.id)
        own = [self._annotations.track(i) for i in indices]
        actors = self._cast(number, ground)
        for t in range(ground.length):
            scene = self._frame(ground, t, own, range(1, len(own) + 1))
            for place, actor in enumerate(actors, start=len(own) + 1):
                source = actor.frame_at(t)
                if source is not None and actor.track.segmentations[source] is not None:
                    cut = self._frame(actor.video, source, [actor.track], [place])
                    scene = pasted(scene, cut, [0], [place], actor.place)
            yield scene

    def crowds(self, number: int) -> set[int]:
        """Track ids of a new video that are crowds: those of its ground."""
        indices = self._annotations.tracks_of_video(self.ground(number).id)
        tracks = (self._annotations.track(i) for i in indices)
        return {place for place, track in enumerate(tracks, start=1) if track.iscrowd}

    def _cast(self, number: int, ground: Video) -> list[_Actor]:
        random = np.random.default_rng([self._seed, number, 1])
        least, most = self._rules.objects
        wanted = int(random.integers(least, most + 1))
        actors: list[_Actor] = []
        for index in random.permutation(self._castable).tolist():
            track = self._annotations.track(index)
            if len(actors) == wanted:
                break
            if track.video_id != ground.id:
                actors.append(self._directed(track, ground, random))
        return actors

    def _directed(
        self, track: AnnotatedTrack, ground: Video, random: np.random.Generator
    ) -> _Actor:
        """When and where a track is shown."""
        video = self._annotations.videos[self._annotations.video_index(track.video_id)]
        seen = [(t, mask) for t, mask in enumerate(track.segmentations) if mask is not None]
        spare = video.length - seen[0][0] - ground.length  # frames more than the ground has
        first = seen[0][0] + int(random.integers(0, max(0, spare) + 1))
        enters = int(random.integers(0, max(0, -spare) + 1))
        first, mask = next((one for one in seen if one[0] >= first), seen[0])
        size = (ground.height, ground.width)
        return _Actor(
            track, video, self._rules.paste.draw(decode(mask), size, random), enters, first
        )

    def _frame(
        self, video: Video, number: int, tracks: list[AnnotatedTrack], ids: range | list[int]
    ) -> RawFrame:
        path = self._images / video.file_names[number]
        visible = [
            (track, identity, mask)
            for track, identity in zip(tracks, ids, strict=True)
            if (mask := track.segmentations[number]) is not None
        ]
        return RawFrame(
            image=read_frame(path, (video.height, video.width)),
            labels=tuple(track.category_id for track, _, _ in visible),
            track_ids=tuple(identity for _, identity, _ in visible),
            masks=tuple(decode(mask) for _, _, mask in visible),
        )


def write_composed(
    composer: VideoComposer, output: Path, split: str, count: int, min_area: int = 16
) -> Path:
    """Writes a data set that `find_split` finds; the annotation file comes last.

    Args:
        composer: of the videos.
        output: folder of the data set.
        split: name of the split; there must be none of that name.
        count: videos.
        min_area: objects with fewer visible pixels are absent from a frame.

    Returns:
        `<output>/<split>.json`; frames are in `<output>/<split>/JPEGImages/<video>`.

    Raises:
        ValueError: the split's name is no plain name, such a split exists, there is no video to
            write, or a frame is broken; no file is left then.
    """
    path, images = split_places(output, split)
    if is_there(path) or is_there(images):
        raise ValueError(f"{output}: split {split!r} must not exist yet, found {path} or {images}")
    if count < 1:
        raise ValueError(f"count must be at least 1 video, got {count}")
    videos = [composer.video(number) for number in range(count)]
    images.mkdir(parents=True)
    try:
        save_annotations(
            path,
            composer.categories,
            videos,
            _written_tracks(composer, videos, images, min_area),
            {"description": "composed of other videos by sgnet", **composer.description},
        )
    except BaseException:
        shutil.rmtree(images)  # made above, and useless without annotations
        raise
    return path


def _written_tracks(
    composer: VideoComposer, videos: list[Video], images: Path, min_area: int
) -> Iterator[AnnotatedTrack]:
    """Writes the frames and yields the tracks, numbered over all videos."""
    number = 0
    for index, video in enumerate(progress.track(videos, description="composing")):
        masks: dict[int, list[Rle | None]] = {}
        categories: dict[int, int] = {}
        (images / video.file_names[0]).parent.mkdir()
        for t, frame in enumerate(composer.frames(index)):
            _write_jpeg(images / video.file_names[t], frame.image)
            for label, identity, mask in zip(
                frame.labels, frame.track_ids, frame.masks, strict=True
            ):
                if int(mask.sum()) >= min_area:
                    masks.setdefault(identity, [None] * video.length)[t] = encode(mask)
                    categories[identity] = label
        crowds = composer.crowds(index)
        for identity in sorted(masks):
            number += 1
            yield visible_track(
                number, video.id, categories[identity], masks[identity], identity in crowds
            )


def _write_jpeg(path: Path, image: UInt8Array) -> None:
    bgr = np.ascontiguousarray(image[..., ::-1])
    written, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not written:
        raise OSError(f"{path}: frame cannot be encoded")
    path.write_bytes(data.tobytes())
