"""Spoilt files are refused by name or scored right; tests/mutations tries thousands of them."""

from __future__ import annotations

from collections import Counter

import pytest
from golden_case import CASES, GOLDEN, Case
from mutations.score_mutations import failure_of, slow_ap


@pytest.mark.parametrize("part", range(4))
def test_spoilt_pairs_are_refused_by_name_or_scored_as_a_slow_metric_scores_them(part, tmp_path):
    outcomes: Counter[str] = Counter()
    for number in range(50 * part, 50 * (part + 1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert failure_of(folder, 1, number, outcomes) == ""
    assert sum(outcomes.values()) == 50
    assert {name.split(": ")[1] for name in outcomes} == {"refused", "scored"}


@pytest.mark.parametrize("name", [name for name in CASES if name != "missing_frames_lengths"])
def test_the_slow_metric_is_the_official_one(name):
    if len(Case(name).results) > 30:
        pytest.skip("dense masks of many tracks take long")
    found = slow_ap(GOLDEN / name / "gt.json", GOLDEN / name / "results.json")
    assert found == pytest.approx(Case(name).expected["stats"]["AP"], abs=1e-9)
