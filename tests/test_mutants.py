from __future__ import annotations

from dataclasses import replace

import pytest
from mutants.mutants import Mutant, mutants_of, survives


@pytest.mark.parametrize("mutant", mutants_of(), ids=lambda mutant: mutant.name)
def test_a_change_in_the_lists_can_still_be_made(mutant):
    assert mutant.problem() is None
    compile(mutant.changed(), mutant.file, "exec")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"file": "ops/nothing.py"}, "no file ops/nothing.py"),
        ({"old": "MIN_AREA"}, "must have the old text once, has it 2 times"),
        ({"new": "MIN_AREA = 4"}, "changes nothing"),
        ({"tests": ()}, "no tests"),
        ({"tests": ("tests/ops/test_nothing.py",)}, "no tests"),
        ({"tests": ("tests/ops/test_input_size.py::test_nothing",)}, "no tests"),
    ],
)
def test_a_change_that_cannot_be_made_says_why(change, words):
    tests = ("tests/ops/test_input_size.py::test_what_is_no_size_is_refused[size0]",)
    right = Mutant("any", "ops/input_size.py", "MIN_AREA = 4", "MIN_AREA = 5", tests)
    assert right.problem() is None
    assert words in replace(right, **change).problem()


def test_names_say_which_change_it_is():
    names = [mutant.name for mutant in mutants_of()]
    assert len(set(names)) == len(names)


def test_a_change_that_the_tests_notice_is_killed_and_another_survives():
    file, tests = "ops/input_size.py", ("tests/ops/test_input_size.py",)  # needs no torch
    assert survives(Mutant("harmless", file, "about a pixel", "some pixels", tests))
    assert not survives(Mutant("harmful", file, "MIN_AREA = 4", "MIN_AREA = 5", tests))


def test_tests_that_cannot_be_run_kill_nothing():
    missing = ("tests/ops/test_input_size.py::test_of_another_name",)  # pytest's usage error
    with pytest.raises(ValueError, match="could not be run, pytest ended with 4"):
        survives(Mutant("any", "ops/input_size.py", "MIN_AREA = 4", "MIN_AREA = 5", missing))
