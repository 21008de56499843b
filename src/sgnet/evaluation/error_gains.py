"""What each kind of error costs: AP at one IoU if no track had it.

Kinds are mended one at a time, all others staying as they are, so gains do not add up to what is
missing. With all of them mended AP is 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sgnet.evaluation.average_precision import UNDEFINED, sample_precision
from sgnet.evaluation.track_errors import KINDS, WAYS, JudgedTrack, judge_tracks
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Video

MISSED = "missed"
WRONG = "wrong ones left out"
UNFOUND = "unfound ones left out"
ROWS = (*KINDS, MISSED)
TITLES = {
    "class": "class: the object is found under another one's name",
    "duplicate": "duplicate: the object is found by a better track already",
    "mask": "mask: on the object, its masks too far off",
    "track": "track: good masks, not on the object all the time",
    "mask and track": "mask and track: both too far off",
    "class and place": "class and place: on an object of another class, too far off",
    "background": "background: on no object",
    MISSED: "missed: no track belongs to the object",
}


@dataclass(frozen=True)
class ErrorGain:
    """A kind of error.

    Attributes:
        count: tracks that have it; objects, where they are missed.
        gain: AP without it minus AP as it is, in 0..1.
    """

    count: int
    gain: float


@dataclass(frozen=True)
class ErrorGains:
    """AP at one IoU and what stands between it and 1.

    Attributes:
        iou: least overlap of a track that is right.
        ap: as it is, `UNDEFINED` where no object is annotated.
        kinds: of `ROWS`.
        ways: of `WAYS`, into which `track` falls.
        totals: of all wrong tracks left out, and of all objects left out that no track finds.
    """

    iou: float
    ap: float
    kinds: Mapping[str, ErrorGain]
    ways: Mapping[str, ErrorGain]
    totals: Mapping[str, ErrorGain]

    def as_json(self) -> dict[str, object]:
        """The layout of score files."""
        parts = {"kinds": self.kinds, "track": self.ways, "totals": self.totals}
        rows = {
            part: {name: {"count": row.count, "gain": row.gain} for name, row in gains.items()}
            for part, gains in parts.items()
        }
        return {"iou": self.iou, "AP": self.ap, **rows}


def evaluate_errors(
    videos: Sequence[Video],
    categories: Sequence[Category],
    ground_truth: Sequence[AnnotatedTrack],
    results: Sequence[ResultTrack],
    iou: float = 0.5,
) -> ErrorGains:
    """What each kind of error of the results costs; see `judge_tracks`.

    Raises:
        ValueError: a track's video is not among the videos, or masks of a frame differ in size.
    """
    judged = judge_tracks(videos, categories, ground_truth, results, iou)
    return gains_of(judged, scored_objects(categories, ground_truth), iou)


def scored_objects(
    categories: Sequence[Category], ground_truth: Sequence[AnnotatedTrack]
) -> dict[int, int]:
    """Category id of each annotated track that counts, by its index: declared ones but crowds."""
    declared = {category.id for category in categories}
    return {
        index: track.category_id
        for index, track in enumerate(ground_truth)
        if track.category_id in declared and not track.iscrowd
    }


def gains_of(judged: Sequence[JudgedTrack], objects: Mapping[int, int], iou: float) -> ErrorGains:
    """What each kind of error costs.

    Args:
        judged: tracks, in the metric's order.
        objects: category id of each annotated track that is no crowd, by its index.
        iou: at which the tracks were judged.
    """
    ap = _average_precision(_as_found(judged), objects)
    wrong = [track for track in judged if track.kind is not None]
    unfound = set(objects) - _objects_of(track for track in judged if track.kind is None)
    missed = unfound - _objects_of(wrong)

    def mended(chosen: Sequence[JudgedTrack]) -> ErrorGain:
        """Of some wrong tracks."""
        found = _mended(judged, set(chosen), objects)
        return ErrorGain(len(chosen), _average_precision(found, objects) - ap)

    def left_out(chosen: Collection[int]) -> ErrorGain:
        """Of some objects."""
        kept = {index: number for index, number in objects.items() if index not in chosen}
        left = 1.0 if objects and not kept else _average_precision(_as_found(judged), kept)
        return ErrorGain(len(chosen), left - ap)

    right = [track for track in judged if track.kind is None]
    without_wrong = _average_precision(_as_found(right), objects) - ap
    kinds = {kind: mended([track for track in wrong if track.kind == kind]) for kind in KINDS}
    return ErrorGains(
        iou=iou,
        ap=ap,
        kinds=kinds | {MISSED: left_out(missed)},
        ways={way: mended([track for track in wrong if track.way == way]) for way in WAYS},
        totals={WRONG: ErrorGain(len(wrong), without_wrong), UNFOUND: left_out(unfound)},
    )


@dataclass(frozen=True)
class _Found:
    """What the metric sees of a track."""

    category_id: int
    score: float
    right: bool


def _as_found(judged: Iterable[JudgedTrack]) -> list[_Found]:
    return [_Found(track.category_id, track.score, track.kind is None) for track in judged]


def _objects_of(judged: Iterable[JudgedTrack]) -> set[int]:
    return {index for track in judged for index in track.objects}


def _mended(
    judged: Sequence[JudgedTrack], chosen: Collection[JudgedTrack], objects: Mapping[int, int]
) -> list[_Found]:
    """The tracks with the errors of the chosen ones mended.

    A mended track finds its objects under their class and with its own score, those that another
    track finds left out; the best track comes first. One that belongs to no free object goes.
    """
    free = set(objects) - _objects_of(track for track in judged if track.kind is None)
    found = _as_found(track for track in judged if track not in chosen)
    for track in sorted(chosen, key=lambda one: -one.score):
        for index in free.intersection(track.objects):
            found.append(_Found(objects[index], track.score, right=True))
            free.remove(index)
    return found


def _average_precision(found: Sequence[_Found], objects: Mapping[int, int]) -> float:
    """The metric's AP at one IoU: the mean over the categories that have an object."""
    annotated = Counter(objects.values())
    tracks: dict[int, list[_Found]] = {number: [] for number in annotated}
    for track in found:
        tracks.setdefault(track.category_id, []).append(track)
    values = [_of_category(tracks[number], count) for number, count in annotated.items()]
    return float(np.mean(values)) if values else UNDEFINED


def _of_category(found: Sequence[_Found], annotated: int) -> float:
    ranking = np.argsort([-track.score for track in found], kind="stable")
    hits = np.cumsum([found[place].right for place in ranking])
    precision = hits / (np.arange(1, len(found) + 1) + np.spacing(1))
    return float(sample_precision(hits / annotated, precision).mean())


def errors_table(gains: ErrorGains) -> str:
    """A plain text table; - for gains where AP is undefined."""
    rows = [(TITLES[kind], gains.kinds[kind]) for kind in ROWS]
    place = ROWS.index("track") + 1
    rows[place:place] = [(f"  {way}", gains.ways[way]) for way in WAYS]
    rows += gains.totals.items()
    width = max(len(title) for title, _ in rows)
    defined = gains.ap != UNDEFINED
    value = f"{100 * gains.ap:.1f}" if defined else "-"
    head = f"AP at an IoU of {gains.iou:g}: {value}; gained if"
    return "\n".join(
        [
            f"{head:<{width}}{'number':>9}{'gain':>8}",
            *(
                f"{title:<{width}}{row.count:>9}"
                + (f"{100 * row.gain:>+8.1f}" if defined else f"{'-':>8}")
                for title, row in rows
            ),
        ]
    )
