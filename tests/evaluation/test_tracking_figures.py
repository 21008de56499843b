from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from golden_case import CASES, Case

from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.evaluation.results import load_results
from sgnet.evaluation.track_overlaps import track_overlaps
from sgnet.evaluation.tracking_counts import FrameOverlaps, total, tracking_counts
from sgnet.evaluation.tracking_figures import evaluate_tracking, tracking_figures, tracking_table
from sgnet.ops.rle import encode
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Video

DEMO = Path(__file__).parents[1] / "demo_tracks"
OTHER_NAMES = {
    "id_switches": "IDSW",
    "fragmentations": "Frag",
    "mostly_tracked": "MT",
    "partly_tracked": "PT",
    "mostly_lost": "ML",
}


def frame(objects: list[int], tracks: list[int], ious: object = None) -> FrameOverlaps:
    """A frame in which object i is found by the track at its place, unless IoUs are given."""
    given = np.eye(len(objects), len(tracks)) if ious is None else np.array(ious, dtype=float)
    return FrameOverlaps(
        np.array(objects, dtype=np.int64),
        np.array(tracks, dtype=np.int64),
        given.reshape(len(objects), len(tracks)),
    )


def figures(*frames: FrameOverlaps) -> dict[str, float]:
    return tracking_figures(tracking_counts(frames))


def test_a_video_without_objects_has_no_share_and_no_number():
    for found in (figures(), figures(frame([], []), frame([], []))):
        assert {name for name, value in found.items() if value} == {"LocA"}


def test_objects_that_are_found_exactly_have_every_share():
    found = figures(*[frame([0, 1], [1, 0])] * 5)
    shares = ("HOTA", "DetA", "AssA", "LocA", "MOTA", "MOTP", "IDF1", "DetRe", "AssPr")
    assert {name: found[name] for name in shares} == dict.fromkeys(shares, 1)
    assert found["mostly_tracked"] == 2
    assert found["id_switches"] == found["fragmentations"] == found["mostly_lost"] == 0


def test_an_identity_that_breaks_halfway_costs_association_and_one_switch():
    found = figures(*[frame([0], [0])] * 5, *[frame([0], [1])] * 5)
    assert found["DetA"] == 1
    assert found["AssA"] == found["AssRe"] == pytest.approx(0.5)  # 5 of 10 frames
    assert found["AssPr"] == 1
    assert found["HOTA"] == pytest.approx(0.5**0.5)
    assert found["IDF1"] == pytest.approx(2 * 5 / 20)
    assert found["id_switches"] == 1
    assert found["MOTA"] == pytest.approx(0.9)
    assert found["mostly_tracked"] == 1


def test_two_identities_that_are_exchanged_are_two_switches():
    found = figures(*[frame([0, 1], [0, 1])] * 6, *[frame([0, 1], [1, 0])] * 2)
    assert found["id_switches"] == 2
    # 6 of 8 + 8 - 6 frames for the 12 matches before, 2 of 8 + 8 - 2 for the 4 behind
    assert found["AssA"] == pytest.approx((12 * 6 / 10 + 4 * 2 / 14) / 16)


def test_a_track_that_stops_and_begins_again_is_a_fragmentation():
    whole, gap = frame([0, 1], [0, 1]), frame([0, 1], [0], [[1], [0]])
    found = figures(*[whole] * 4, *[gap] * 4, *[whole] * 2)
    assert found["fragmentations"] == 1
    assert found["id_switches"] == 0
    assert (found["mostly_tracked"], found["partly_tracked"]) == (1, 1)  # 10 and 6 of 10


def test_what_is_missed_and_what_is_found_in_vain_is_counted():
    found = figures(*[frame([0, 1], [0, 1], [[0.6, 0], [0, 0.2]])] * 4)
    assert found["MOTA"] == pytest.approx((4 - 4) / 8)
    assert found["MOTP"] == pytest.approx(0.6)
    assert (found["mostly_tracked"], found["mostly_lost"]) == (1, 1)
    # at IoUs up to 0.2 both are matched, up to 0.6 one, above it none: 4, 8 and 7 of 19
    assert found["DetA"] == pytest.approx((4 * 1 + 8 * 4 / 12) / 19)


def test_nothing_found_and_nothing_annotated_are_zero():
    missed, invented = figures(*[frame([0, 1], [])] * 3), figures(*[frame([], [0])] * 3)
    assert missed["HOTA"] == invented["HOTA"] == 0
    assert (missed["mostly_lost"], invented["mostly_lost"]) == (2, 0)
    assert (missed["MOTA"], invented["MOTA"]) == (0, -3)


def random_video(random: np.random.Generator, kind: str) -> list[FrameOverlaps]:
    """Objects and tracks that come and go, with IoUs of several kinds."""
    numbers, found = random.integers(0, 6), random.integers(0, 7)
    frames = []
    for _ in range(random.integers(1, 20)):
        objects, tracks = (np.flatnonzero(random.random(n) < 0.7) for n in (numbers, found))
        ious = random.random((len(objects), len(tracks)))
        if kind == "ties":
            ious = np.round(ious * 20) / 20
        elif kind == "sparse":
            ious[ious < 0.7] = 0
        elif kind == "good":
            ious = np.where(objects[:, None] == tracks, 0.5 + 0.5 * ious, 0.2 * ious)
        frames.append(FrameOverlaps(objects, tracks, ious))
    return frames


def golden_videos(name: str) -> list[list[FrameOverlaps]]:
    """Videos of a golden case by category; crowds count as objects, as TrackEval takes them."""
    case = Case(name)
    plain = [
        AnnotatedTrack(**{**vars(track), "iscrowd": False})  # all of its fields
        for track in case.ground_truth
    ]
    return [
        track_overlaps(
            *(
                [t for t in tracks if (t.video_id, t.category_id) == (video.id, category.id)]
                for tracks in (plain, case.results)
            ),
            video.length,
        )
        for video in case.videos
        for category in case.categories
    ]


def trackeval_figures(videos: list[list[FrameOverlaps]]) -> dict[str, object]:
    """Those of TrackEval's own code."""
    metrics = pytest.importorskip("trackeval.metrics")
    found: dict[str, object] = {}
    with redirect_stdout(io.StringIO()):
        kinds = [getattr(metrics, name)() for name in ("HOTA", "CLEAR", "Identity")]
    for metric in kinds:
        of_videos = {n: metric.eval_sequence(as_trackeval(v)) for n, v in enumerate(videos)}
        found |= metric.combine_sequences(of_videos)
    return found


def as_trackeval(frames: list[FrameOverlaps]) -> dict[str, object]:
    """A video as TrackEval takes it: its ids are numbered without gaps."""
    data: dict[str, object] = {"num_timesteps": len(frames)}
    for name, short, attribute in (("gt", "gt", "objects"), ("tracker", "tracker", "tracks")):
        present = [getattr(frame, attribute) for frame in frames]
        known = np.unique(np.concatenate(present))
        data[f"{name}_ids"] = [np.searchsorted(known, ids) for ids in present]
        data[f"num_{short}_ids"] = len(known)
        data[f"num_{short}_dets"] = sum(len(ids) for ids in present)
    data["similarity_scores"] = [frame.ious for frame in frames]
    return data


def assert_equal_to_trackeval(videos: list[list[FrameOverlaps]]) -> None:
    assert_are_trackevals(tracking_figures(total(map(tracking_counts, videos))), videos)


def assert_are_trackevals(ours: dict[str, float], videos: list[list[FrameOverlaps]]) -> None:
    theirs = trackeval_figures(videos)
    for name, value in ours.items():
        expected = float(np.mean(theirs[OTHER_NAMES.get(name, name)]))
        assert value == pytest.approx(expected, abs=1e-9), name


@pytest.mark.parametrize("kind", ["any", "ties", "sparse", "good"])
@pytest.mark.parametrize("seed", range(6))
def test_figures_are_trackevals_on_constructed_videos(kind, seed):
    random = np.random.default_rng(seed)
    assert_equal_to_trackeval([random_video(random, kind) for _ in range(4)])


@pytest.mark.parametrize("name", CASES)
def test_figures_are_trackevals_on_masks(name):
    assert_equal_to_trackeval(golden_videos(name))


def test_figures_are_trackevals_on_tracks_of_the_demo():
    # four validation videos of shapes_small with what `make demo` of seed 0 found in them
    truth = load_annotations(DEMO / "annotations.json")
    results = load_results(DEMO / "results.json", truth.videos, truth.categories)
    tracks = list(truth.tracks())
    by_category = {
        category.id: [
            track_overlaps(
                [t for t in tracks if (t.video_id, t.category_id) == (video.id, category.id)],
                [t for t in results if (t.video_id, t.category_id) == (video.id, category.id)],
                video.length,
            )
            for video in truth.videos
        ]
        for category in truth.categories
    }
    scored = evaluate_tracking(truth.videos, truth.categories, tracks, results)
    assert len(scored.per_category) >= 6
    for number, row in scored.per_category.items():
        assert_are_trackevals(row, by_category[number])
    assert_are_trackevals(scored.all, [one for videos in by_category.values() for one in videos])
    assert scored.all["id_switches"] > 0
    assert scored.all["fragmentations"] > 0


def rectangle(left: int, width: int) -> np.ndarray:
    mask = np.zeros((8, 40), dtype=bool)
    mask[2:6, left : left + width] = True
    return mask


def annotated(number: int, *masks: np.ndarray, crowd: bool = False, category: int = 1):
    return AnnotatedTrack(number, 1, category, crowd, tuple(map(encode, masks)), (), ())


def found(*masks: np.ndarray | None, category: int = 1) -> ResultTrack:
    shown = tuple(None if mask is None else encode(mask) for mask in masks)
    return ResultTrack(1, category, 0.5, shown)


def test_masks_without_a_pixel_and_frames_that_a_track_lacks_are_absent():
    nothing = np.zeros((8, 40), dtype=bool)
    objects = [annotated(1, rectangle(0, 5), nothing, rectangle(0, 5))]
    frames = track_overlaps(objects, [found(nothing, rectangle(0, 5))], 3)
    assert [f.objects.tolist() for f in frames] == [[0], [], [0]]
    assert [f.tracks.tolist() for f in frames] == [[], [0], []]
    assert [f.ious.shape for f in frames] == [(1, 0), (0, 1), (1, 0)]


def test_masks_in_a_crowd_are_neither_right_nor_wrong():
    objects = [annotated(1, rectangle(20, 10)), annotated(2, rectangle(0, 30), crowd=True)]
    tracks = [
        found(rectangle(2, 6)),  # in the crowd
        found(rectangle(26, 10)),  # half of it outside
        found(rectangle(21, 10)),  # in the crowd by nine tenths, but finds the object
    ]
    (only,) = track_overlaps(objects, tracks, 1)
    assert only.objects.tolist() == [0]
    assert only.tracks.tolist() == [1, 2]
    assert only.ious.tolist() == [[pytest.approx(4 / 16), pytest.approx(9 / 11)]]


def test_masks_of_another_size_are_refused():
    other = np.ones((4, 4), dtype=bool)
    with pytest.raises(ValueError, match=r"must have one size, got \[\(4, 4\), \(8, 40\)\]"):
        track_overlaps([annotated(1, rectangle(0, 5))], [found(other)], 1)


def test_categories_are_scored_apart_and_empty_ones_left_out():
    videos, categories = [Video(1, 40, 8, 2, ())], [Category(n, f"c{n}") for n in (1, 2, 3)]
    left, right = rectangle(0, 10), rectangle(20, 10)
    truth = [annotated(1, left, left), annotated(2, right, right, category=2)]
    results = [found(left, left), found(right, right)]  # the second in the wrong category
    scored = evaluate_tracking(videos, categories, truth, results)
    assert list(scored.per_category) == [1, 2]
    assert scored.per_category[1]["MOTA"] == 0  # 2 right, 2 wrong, 2 annotated
    assert scored.per_category[2]["HOTA"] == 0
    assert scored.all["IDF1"] == pytest.approx(2 * 2 / (4 + 4))
    assert scored.category_mean["IDF1"] == pytest.approx((2 * 2 / (2 + 4) + 0) / 2)
    assert scored.category_mean["mostly_lost"] == scored.all["mostly_lost"] == 1
    rows = [line.split() for line in tracking_table(scored, categories).splitlines()]
    assert [row[0] for row in rows] == ["category", "c1", "c2", "mean", "all"]
    assert len(rows[1]) == len(rows[0]) == 12


def test_without_any_object_there_is_no_category():
    scored = evaluate_tracking([Video(1, 40, 8, 2, ())], [Category(1, "c")], [], [])
    assert scored.per_category == scored.category_mean == {}
    assert scored.all["HOTA"] == 0
    assert "all" in tracking_table(scored, [Category(1, "c")])
