"""The loop of the official code finds the official AP, and so does ours on its case."""

from __future__ import annotations

import json

import numpy as np
import pytest
from golden_case import CASES, GOLDEN

from benchmarks.scoring import loop_ap, our_ap, write_case


@pytest.mark.parametrize("name", CASES)
def test_the_loop_finds_the_official_ap(name):
    folder = GOLDEN / name
    expected = json.loads((folder / "expected.json").read_text())["stats"]["AP"]
    found = loop_ap(folder / "gt.json", folder / "results.json")
    assert found == pytest.approx(expected, abs=1e-9)


def test_both_agree_on_a_case_with_something_to_find(tmp_path):
    paths = write_case(tmp_path, (4, 5, 3, 8, 2))
    found = our_ap(*paths)
    assert 0.05 < found < 1
    assert loop_ap(*paths) == pytest.approx(found, abs=1e-9)


def test_a_case_is_as_large_as_asked_and_the_same_for_a_seed(tmp_path):
    contents = []
    for name in "ab":
        (tmp_path / name).mkdir()
        paths = write_case(tmp_path / name, (2, 3, 2, 5, 2), seed=1)
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]
    results = json.loads(contents[0][1])
    assert len(results) == 2 * 5
    assert np.array([len(entry["segmentations"]) == 3 for entry in results]).all()
