"""Tracked instances of a video to the entries of a results file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sgnet.evaluation.results import mask_bytes, track_bytes
from sgnet.records import ResultTrack, Rle, TrackedInstance


@dataclass
class _Track:
    """Votes, scores and masks of one identity so far."""

    votes: dict[int, float] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    masks: dict[int, Rle] = field(default_factory=dict)


class TrackCollector:
    """Gathers one video's tracks frame by frame.

    A track's category is the score-weighted vote of its frames, its score their mean. Frames whose
    mask came out empty vote as well, but show nothing.

    Args:
        video_id: in the annotation file.
        video_length: frames of the video; None where it is not known before its end.
        category_ids: category id of each class index.
    """

    def __init__(
        self, video_id: int, video_length: int | None, category_ids: Sequence[int]
    ) -> None:
        self._video_id = video_id
        self._video_length = video_length
        self._category_ids = category_ids
        self._tracks: dict[int, _Track] = {}
        self._seen = 0  # frames up to the last one added
        self._visible = 0  # tracks with a mask
        self._mask_bytes = 0

    def add(self, frame: int, instances: Sequence[TrackedInstance]) -> None:
        """Takes the instances of one frame.

        Args:
            frame: index in 0..video_length-1.
            instances: of that frame; none is fine.

        Raises:
            ValueError: the frame is outside the video.
        """
        if frame < 0 or (self._video_length is not None and frame >= self._video_length):
            raise ValueError(
                f"video {self._video_id}: frame must be at least 0 and below its length "
                f"{self._video_length}, got {frame}"
            )
        self._seen = max(self._seen, frame + 1)
        for instance in instances:
            track = self._tracks.setdefault(instance.track_id, _Track())
            track.votes[instance.label] = track.votes.get(instance.label, 0.0) + instance.score
            track.scores.append(instance.score)
            if not instance.is_empty:
                self._visible += not track.masks
                self._mask_bytes += mask_bytes(instance.mask)
                track.masks[frame] = instance.mask

    def results_bytes(self, more: Sequence[TrackedInstance] | None = None) -> int:
        """Bytes of the results file of these tracks, at most.

        Args:
            more: of a next frame, which counts as well; None counts no such frame.
        """
        shown = [instance for instance in more or () if not instance.is_empty]
        length = max(self._seen + (more is not None), self._video_length or 0)
        known = [i for i in shown if i.track_id in self._tracks and self._tracks[i.track_id].masks]
        tracks = self._visible + len(shown) - len(known)
        return (
            len("[\n\n]\n")
            + tracks * track_bytes(self._video_id, self._category_ids, length)
            + self._mask_bytes
            + sum(mask_bytes(instance.mask) for instance in shown)
        )

    def expected_results_bytes(self, length: int) -> int:
        """About the bytes of the results file at the end, where tracks go on to come as they did.

        Args:
            length: frames of the video; the file grows with tracks x frames.
        """
        track = track_bytes(self._video_id, self._category_ids, length)
        return (self._visible * track + self._mask_bytes) * length // max(self._seen, 1)

    def results(self) -> list[ResultTrack]:
        """One entry per track that was ever visible, by track id."""
        return list(self.iterate())

    def iterate(self) -> Iterator[ResultTrack]:
        """The same one by one; all at once would fill the memory on long videos."""
        length = self._seen if self._video_length is None else self._video_length
        for _, track in sorted(self._tracks.items()):
            if track.masks:
                yield ResultTrack(
                    video_id=self._video_id,
                    category_id=self._category_ids[max(track.votes, key=track.votes.__getitem__)],
                    score=sum(track.scores) / len(track.scores),
                    segmentations=tuple(track.masks.get(t) for t in range(length)),
                )
