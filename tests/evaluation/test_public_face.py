"""What `sgnet.evaluation` offers to those who only score."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys

import pytest

from sgnet import evaluation

HEAVY = ("torch", "hydra", "omegaconf", "pytorch_lightning", "albumentations", "cv2", "wandb")


def test_the_example_runs():
    assert doctest.testmod(evaluation) == (0, 10)


@pytest.mark.parametrize("name", evaluation.__all__)
def test_a_name_is_that_of_its_place(name):
    place = importlib.import_module(evaluation._PLACES[name])
    assert getattr(evaluation, name) is getattr(place, name)


def test_every_name_is_offered_and_no_other():
    assert set(evaluation.__all__) == set(evaluation._PLACES)
    with pytest.raises(AttributeError, match="no attribute 'score'"):
        evaluation.score  # noqa: B018


def test_scoring_needs_neither_torch_nor_hydra():
    names = ", ".join(evaluation.__all__)
    program = f"""
import sys
from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.evaluation import {names}
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_streaming_needs_no_pycocotools():
    program = """
import sys
sys.modules["pycocotools"] = None
import sgnet.evaluation.track_results
"""
    subprocess.run([sys.executable, "-c", program], check=True)
