from __future__ import annotations

import pytest
from mutants.mutants import Mutant, mutants_of, survives


@pytest.mark.parametrize("mutant", mutants_of(), ids=lambda mutant: mutant.name)
def test_a_change_in_the_lists_can_still_be_made(mutant):
    assert mutant.problem() is None
    compile(mutant.changed(), mutant.file, "exec")


def test_names_say_which_change_it_is():
    names = [mutant.name for mutant in mutants_of()]
    assert len(set(names)) == len(names)


def test_a_change_that_the_tests_notice_is_killed_and_another_survives():
    file, tests = "ops/locations.py", ("tests/ops/test_boxes.py",)
    harmless = Mutant("harmless", file, "(FCOS section 3.1)", "(FCOS)", tests)
    assert survives(harmless)
    union = (".prod(dim=1) - intersection", ".prod(dim=1)")
    harmful = Mutant("harmful", "ops/boxes.py", *union, tests)
    assert not survives(harmful)
