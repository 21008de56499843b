"""Ratios by hand, from made-up timings."""

from __future__ import annotations

import pytest

from benchmarks.figures import growth, ratios
from benchmarks.timing import Timing, summary


def test_ratios_are_those_of_the_medians():
    values = {"Mask R-CNN 10": 800, "Mask R-CNN 100": 1200, "FCOS 10": 400}
    values |= {"exact 10": 320, "exact 100": 330}
    times = {name: Timing(v, v, v) for name, v in values.items()}
    assert ratios(times, "exact") == {
        "maskrcnn_10_over_ours": 2.5,
        "maskrcnn_100_over_ours": 1200 / 330,
        "ours_over_fcos": 0.8,
    }


@pytest.mark.parametrize("slower_at", [10, 100])
def test_the_fastest_rival_is_the_faster_of_its_modes_at_each_count(slower_at):
    values = {"FCOS 10": 400, "FCOS fastest 10": 500}
    for count in (10, 100):
        values |= {f"Mask R-CNN {count}": 800, f"fastest {count}": 200}
        values[f"Mask R-CNN fastest {count}"] = 900 if count == slower_at else 600
    found = ratios({name: Timing(v, v, v) for name, v in values.items()}, "fastest")
    for count in (10, 100):
        expected = 4.0 if count == slower_at else 3.0
        assert found[f"fastest_maskrcnn_{count}_over_ours"] == expected
    assert found["ours_over_fastest_fcos"] == 0.5


def test_growth_is_taken_round_by_round():
    slow = [1.0, 1.0, 5.0, 5.0, 5.0]  # the machine's own pace
    growths = {1: [1.0] * 5, 100: [1.0, 1.1, 1.2, 1.3, 1.4], 200: [2.0] * 5}
    growths[100].reverse()  # the ratio of the medians is another one
    times = {
        f"exact {count}": summary([300 * pace * g for pace, g in zip(slow, ratio, strict=True)])
        for count, ratio in growths.items()
    }
    found = growth(times, "exact")
    assert found["growth_100_over_1"] == pytest.approx(1.2)
    assert found["growth_100_over_1_quartiles"] == pytest.approx([1.1, 1.3])
    assert found["growth_200_over_1_quartiles"] == pytest.approx([2.0, 2.0])
    assert times["exact 100"].median / times["exact 1"].median == pytest.approx(1.0)


def test_the_file_holds_no_single_rounds():
    assert set(summary([1.0, 2.0, 3.0]).figures()) == {"median", "low", "high"}
