"""The small data set of `labelled_builders` on disk."""

from __future__ import annotations

import pytest
from labelled_builders import CATEGORIES, VIDEOS, tracks, write_images

from sgnet.data.annotations.annotation_writer import save_annotations


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path / "images")


@pytest.fixture
def annotations(tmp_path):
    save_annotations(tmp_path / "truth.json", CATEGORIES, VIDEOS, tracks())
    return tmp_path / "truth.json"
