from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from sgnet.commands.value_types import (
    Settings,
    Within,
    converted,
    described,
    takes_list,
    takes_text,
)


@dataclass(frozen=True)
class Inner(Settings):
    count: int


Share = Annotated[float, Within(0, 1)]
Count = Annotated[int, Within(1)]
REFUSED = object()


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (None, None, None),
        (None, 0, REFUSED),
        (bool, True, True),
        (bool, 0, False),
        (bool, "Off", False),
        (bool, "", REFUSED),
        (bool, 2, REFUSED),
        (int, 3, 3),
        (int, 3.0, 3),
        (int, "3", 3),
        (int, 10**30, 10**30),
        (int, 2.5, REFUSED),
        (int, "x", REFUSED),
        (int, "", REFUSED),
        (int, True, REFUSED),
        (int, None, REFUSED),
        (int, math.inf, REFUSED),
        (float, 1, 1),
        (float, "1e-3", 0.001),
        (float, "nan", REFUSED),
        (float, math.nan, REFUSED),
        (float, [1.0], REFUSED),
        (str, "", ""),
        (str, 2024, "2024"),
        (str, True, "true"),
        (str, None, REFUSED),
        (str, ["a"], REFUSED),
        (Path, 1, "1"),
        (Share, 1, 1),
        (Share, -0.1, REFUSED),
        (Count, 0, REFUSED),
        (Count | None, None, None),
        (int | str, "3", "3"),
        (int | str, 3, 3),
        (str | int | None, 2.5, "2.5"),
        (int | float, 2.5, 2.5),
        (Literal["a", 1], "a", "a"),
        (Literal["a", 1], True, REFUSED),
        (Literal["a"], "b", REFUSED),
        (list[int], [], []),
        (list[int], [1, 2.0], [1, 2]),
        (list[int], "12", REFUSED),
        (list[int], ["x"], REFUSED),
        (list, [1, "a"], [1, "a"]),
        (Sequence[str], [1], ["1"]),
        (tuple[int, int], [1, 2], [1, 2]),
        (tuple[int, int], [1], REFUSED),
        (tuple[int, ...], [1, 2, 3], [1, 2, 3]),
        (Inner, {}, {}),
        (Inner, {"count": 2.0, "_target_": "x"}, {"count": 2, "_target_": "x"}),
        (Inner, {"other": 1}, REFUSED),
        (Inner, {"count": "x"}, REFUSED),
        (Inner, 3, REFUSED),
        (Any, object, object),
        (Exception, "not looked at", "not looked at"),
    ],
)
def test_a_value_becomes_what_its_type_says_or_is_refused(kind, value, expected):
    if expected is REFUSED:
        with pytest.raises(ValueError, match="^name"):
            converted(value, kind, "name")
    else:
        found = converted(value, kind, "name")
        assert found == expected
        assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Count | None, "a whole number of at least 1 or null"),
        (Share, "a number from 0 to 1"),
        (str | Path | None, "text or null"),
        (list[Count] | None, "a list, each a whole number of at least 1 or null"),
        (Literal["a", "b"], "one of a, b"),
        (bool, "true or false"),
        (Inner, "a group of settings"),
    ],
)
def test_a_type_is_said_in_words(kind, words):
    assert described(kind) == words


@pytest.mark.parametrize(
    ("kind", "text", "lists"),
    [
        (None, False, False),
        (str, True, False),
        (str | Path | None, True, False),
        (str | list[str], True, True),
        (tuple[int, int] | None, False, True),
        (str | int | None, False, False),
        (Literal["a"], False, False),
        (Share, False, False),
    ],
)
def test_text_and_lists_are_told_from_the_rest(kind, text, lists):
    assert (takes_text(kind), takes_list(kind)) == (text, lists)
