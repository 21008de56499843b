"""Single settings are refused by name, whoever gives them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sgnet.files.checked_values import require_flag, require_integer, require_number, require_one_of
from sgnet.models import DetectionHead, ResNetFPN
from sgnet.postprocess import DetectionDecoder
from sgnet.tracking import MovementTracker


@pytest.mark.parametrize("value", [None, "1", 1.0, True, math.nan, -1, 11, 10**400, [], {}])
def test_what_is_no_whole_number_within_limits_is_refused(value):
    with pytest.raises(ValueError, match="^count must be an integer from 0 to 10, got"):
        require_integer("count", value, 0, 10)


@pytest.mark.parametrize("value", [None, "1", True, math.nan, math.inf, -0.1, 1.1, 10**400, []])
def test_what_is_no_number_within_limits_is_refused(value):
    with pytest.raises(ValueError, match="^share must be a number from 0 to 1, got"):
        require_number("share", value, 0, 1)


def test_limits_belong_to_the_range_unless_they_are_left_out():
    for value in (0, 1, 0.5, np.float32(1), np.int64(0)):
        require_number("share", value, 0, 1)
    require_integer("count", np.int64(10), 0, 10)
    with pytest.raises(ValueError, match="above 0"):
        require_number("share", 0, 0, 1, above=True)


@pytest.mark.parametrize("value", [None, 0, 1, "no", []])
def test_only_true_and_false_are_flags(value):
    with pytest.raises(ValueError, match="^on must be true or false, got"):
        require_flag("on", value)


@pytest.mark.parametrize("value", [None, True, "c", ["a"], {}])
def test_only_choices_are_chosen(value):
    with pytest.raises(ValueError, match="^kind must be one of"):
        require_one_of("kind", value, ("a", 1))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: DetectionDecoder(top_k=-1), "top_k must be an integer"),
        (lambda: DetectionDecoder(score_threshold="high"), "score_threshold must be a number"),
        (lambda: MovementTracker(max_age=2.5), "max_age must be an integer"),
        (lambda: MovementTracker(radius_scale=math.nan), "radius_scale must be a number"),
        (lambda: DetectionHead(16, 3, tower_depth=10**8), "tower_depth must be an integer"),
        (lambda: ResNetFPN(18, 10**6, "group"), "channels must be an integer"),
    ],
)
def test_whoever_configures_a_component_is_told_which_argument_is_wrong(build, words):
    with pytest.raises(ValueError, match=f"^{words}"):
        build()
