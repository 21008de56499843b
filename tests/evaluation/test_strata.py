from __future__ import annotations

import numpy as np
import pytest
from golden_case import CASES, Case

from sgnet.evaluation.average_precision import UNDEFINED, evaluate
from sgnet.evaluation.matching import measure_categories
from sgnet.evaluation.strata import (
    STRATA,
    StratumFigures,
    evaluate_strata,
    frame_count,
    hidden_share,
    steadiness,
    strata_table,
)
from sgnet.ops.rle import encode
from sgnet.records import AnnotatedTrack, Category, ResultTrack, Rle, Video

LENGTH, HEIGHT, WIDTH = 12, 20, 60


def strata_of(videos, categories, ground_truth, results):
    measured = measure_categories(videos, categories, ground_truth, results)
    return evaluate_strata(measured, ground_truth, results)


def drawn(left: int | None) -> Rle | None:
    """A square of 10 pixels."""
    if left is None:
        return None
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[5:15, left : left + 10] = 1
    return encode(mask)


def masks(lefts) -> tuple[Rle | None, ...]:
    return tuple(drawn(left) for left in [*lefts, *[None] * (LENGTH - len(lefts))])


def annotated(number, lefts, video=1, iscrowd=False) -> AnnotatedTrack:
    areas = tuple(None if mask is None else 100.0 for mask in masks(lefts))
    return AnnotatedTrack(number, video, 1, iscrowd, masks(lefts), (None,) * LENGTH, areas)


def found(lefts, score, video=1) -> ResultTrack:
    return ResultTrack(video, 1, score, masks(lefts))


@pytest.mark.parametrize("name", CASES)
def test_parts_by_area_are_the_metrics_own(name):
    case = Case(name)
    parts = strata_of(case.videos, case.categories, case.ground_truth, case.results)["area"]
    for end, part in {"_S": "small", "_M": "medium", "_L": "large"}.items():
        assert parts[part].ap == pytest.approx(case.expected["stats"][f"AP{end}"], abs=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_parts_by_objects_are_scored_as_if_their_videos_were_all(name):
    case = Case(name)
    parts = strata_of(case.videos, case.categories, case.ground_truth, case.results)["objects"]
    declared = {category.id for category in case.categories}
    for part, (low, high) in STRATA["objects"].items():
        numbers = {
            video.id
            for video in case.videos
            if low <= sum(
                track.video_id == video.id and not track.iscrowd and track.category_id in declared
                for track in case.ground_truth
            ) <= high
        }  # fmt: skip
        stats = evaluate(
            [video for video in case.videos if video.id in numbers],
            case.categories,
            [track for track in case.ground_truth if track.video_id in numbers],
            [track for track in case.results if track.video_id in numbers],
        ).stats
        figures = parts[part]
        got = (figures.ap, figures.ap50, figures.ar10)
        assert got == pytest.approx((stats["AP"], stats["AP50"], stats["AR10"]), abs=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_every_object_is_in_one_part_of_a_kind_but_for_motion(name):
    case = Case(name)
    strata = strata_of(case.videos, case.categories, case.ground_truth, case.results)
    declared = {category.id for category in case.categories}
    shown = [
        track
        for track in case.ground_truth
        if track.category_id in declared and not track.iscrowd and frame_count(track.segmentations)
    ]
    counts = {kind: sum(part.objects for part in parts.values()) for kind, parts in strata.items()}
    assert counts["length"] == counts["hidden"] == len(shown)
    assert counts["motion"] <= len(shown)


def test_a_tracks_figures_are_those_worked_by_hand():
    track = masks([0, 2, None, 4, 4])
    assert frame_count(track) == 4
    assert hidden_share(track) == pytest.approx(1 / 5)
    assert steadiness(track) == pytest.approx((80 / 120 + 1) / 2)  # two neighbouring pairs
    assert frame_count(masks([])) == 0
    assert (hidden_share(masks([])), steadiness(masks([]))) == (-1, -1)
    assert (hidden_share(masks([None, 3])), steadiness(masks([None, 3]))) == (0, -1)


def test_a_short_and_a_fast_object_are_found_apart():
    objects = [annotated(1, [0] * 12), annotated(2, list(range(20, 50, 6)))]  # 5 frames
    tracks = [found([0] * 12, 0.9), found([45] * 12, 0.8)]  # the fast one is missed
    strata = strata_of([Video(1, WIDTH, HEIGHT, LENGTH, ())], [Category(1, "a")], objects, tracks)
    right, missed = StratumFigures(1, 1.0, 1.0, 1.0), StratumFigures(1, 0.0, 0.0, 0.0)
    nothing = StratumFigures(0, UNDEFINED, UNDEFINED, UNDEFINED)

    def shown(kind):
        return [
            StratumFigures(part.objects, *np.round([part.ap, part.ap50, part.ar10], 9))
            for part in strata[kind].values()
        ]

    assert shown("length") == [missed, right, nothing, nothing]
    assert shown("motion") == [right, nothing, missed]
    assert shown("objects")[1].objects == 2
    assert shown("hidden")[0].objects == 2


def test_a_wrong_track_counts_in_its_own_part_alone():
    objects = [annotated(1, [0] * 12), annotated(2, [40] * 4)]
    tracks = [found([20] * 11, 0.95), found([0] * 12, 0.9), found([40] * 4, 0.8)]
    strata = strata_of([Video(1, WIDTH, HEIGHT, LENGTH, ())], [Category(1, "a")], objects, tracks)
    assert strata["length"]["1 to 9 frames"].ap50 == pytest.approx(1)
    assert strata["length"]["10 to 19"].ap50 == pytest.approx(0.5)


def test_crowds_are_in_no_part():
    objects = [annotated(1, [0] * 12), annotated(2, [40] * 12, iscrowd=True)]
    tracks = [found([40] * 12, 0.95), found([0] * 12, 0.9)]
    strata = strata_of([Video(1, WIDTH, HEIGHT, LENGTH, ())], [Category(1, "a")], objects, tracks)
    assert strata["objects"]["1 in the video"] == StratumFigures(1, *[pytest.approx(1)] * 3)


def test_the_table_has_a_line_for_each_part_and_dashes_where_nothing_is():
    strata = strata_of(
        [Video(1, WIDTH, HEIGHT, LENGTH, ())], [Category(1, "a")], [annotated(1, [0] * 12)], []
    )
    lines = strata_table(strata).splitlines()
    assert lines[0].split() == ["objects", "AP", "AP50", "AR10"]
    assert len(lines) == 1 + sum(1 + len(parts) for parts in STRATA.values())
    (row,) = (line for line in lines if line.startswith("  10 to 19"))
    assert row.split()[-4:] == ["1", "0.0", "0.0", "0.0"]
    (row,) = (line for line in lines if line.startswith("  40 and more"))
    assert row.split()[-4:] == ["0", "-", "-", "-"]


@pytest.mark.parametrize("name", CASES)
def test_categories_have_the_metrics_figures_and_their_objects(name):
    case = Case(name)
    scored = (case.videos, case.categories, case.ground_truth, case.results)
    metrics = evaluate(*scored)
    parts = evaluate_strata(
        measure_categories(*scored), case.ground_truth, case.results, case.categories
    )["category"]
    assert list(parts) == [one.name for one in sorted(case.categories, key=lambda one: one.id)]
    for category in case.categories:
        part, stats = parts[category.name], metrics.per_category[category.id]
        assert (part.ap, part.ap50) == pytest.approx((stats["AP"], stats["AP50"]), abs=1e-12)
        assert part.ar10 == pytest.approx(stats["AR10"], abs=1e-12)
        assert part.objects == sum(
            track.category_id == category.id and not track.iscrowd for track in case.ground_truth
        )
    assert f"  {case.categories[0].name}" in strata_table({"category": parts})
