"""Ratios by hand, from made-up timings."""

from __future__ import annotations

import pytest

from sgnet.benchmark.figures import growth, ratios
from sgnet.benchmark.timing import Timing


def test_ratios_are_those_of_the_medians():
    values = {"Mask R-CNN 10": 800, "Mask R-CNN 100": 1200, "FCOS 10": 400}
    values |= {"exact 1": 300, "exact 10": 320, "exact 100": 330, "exact 200": 360}
    times = {name: Timing(v, v, v) for name, v in values.items()}
    assert ratios(times, "exact") | growth(times, "exact") == {
        "maskrcnn_10_over_ours": 2.5,
        "maskrcnn_100_over_ours": 1200 / 330,
        "ours_over_fcos": 0.8,
        "growth_100_over_1": 1.1,
        "growth_200_over_1": 1.2,
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
