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
    file, tests = "ops/input_size.py", ("tests/ops/test_input_size.py",)  # needs no torch
    assert survives(Mutant("harmless", file, "about a pixel", "some pixels", tests))
    assert not survives(Mutant("harmful", file, "MIN_AREA = 4", "MIN_AREA = 5", tests))


def test_tests_that_cannot_be_run_kill_nothing():
    missing = ("tests/ops/test_input_size.py::test_of_another_name",)
    with pytest.raises(ValueError, match="could not be run, pytest ended with 4"):
        survives(Mutant("any", "ops/input_size.py", "MIN_AREA = 4", "MIN_AREA = 5", missing))
