from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sgnet.evaluation.results import load_results, save_results, zip_results
from sgnet.ops.rle import encode
from sgnet.structures import Category, ResultTrack, Video

BAD = Path(__file__).parents[1] / "bad"
ROWS = [row for row in json.loads((BAD / "index.json").read_text()) if row["role"] == "results"]
VIDEOS = (Video(11, 32, 24, 3, ()), Video(12, 32, 24, 3, ()))
CATEGORIES = (Category(1, "person"), Category(2, "giant_panda"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_malformed_files_are_named_with_their_defect(
    row: dict[str, Any], recwarn: pytest.WarningsRecorder
) -> None:
    path = BAD / row["file"]
    if row["severity"] == "error":
        with pytest.raises(ValueError, match=row["file"]) as caught:
            load_results(path, VIDEOS, CATEGORIES)
        message = str(caught.value)
    else:
        load_results(path, VIDEOS, CATEGORIES)
        message = " ".join(str(item.message) for item in recwarn)
        assert bool(message) == (row["severity"] == "warning")
    words = message.replace(str(path), "")
    assert all(word in words for word in row["message_should_contain"]), message


def test_an_undeclared_category_is_left_out() -> None:
    with pytest.warns(UserWarning, match="category_id 99"):
        tracks = load_results(BAD / "res_unknown_category_id.json", VIDEOS, CATEGORIES)
    assert {track.category_id for track in tracks} <= {1, 2}


@pytest.mark.parametrize("count", [0, 1, 3])
def test_saved_results_come_back(tmp_path: Path, count: int) -> None:
    mask = encode(np.eye(24, 32, dtype=np.uint8))
    tracks = [ResultTrack(11, 1, 0.1 * i, (mask, None, mask)) for i in range(count)]
    save_results(iter(tracks), tmp_path / "results.json")
    assert load_results(tmp_path / "results.json", VIDEOS, CATEGORIES) == tracks


def test_a_failed_save_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    save_results([], path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"tracks\[0\].score must be finite"):
        save_results([ResultTrack(11, 1, float("nan"), ())], path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_submission_holds_results_json_alone(tmp_path: Path) -> None:
    save_results([], tmp_path / "mine.json")
    zip_results(tmp_path / "mine.json", tmp_path / "submission.zip")
    with zipfile.ZipFile(tmp_path / "submission.zip") as archive:
        assert archive.namelist() == ["results.json"]
        assert json.loads(archive.read("results.json")) == []
    with pytest.raises(FileNotFoundError, match="none.json"):
        zip_results(tmp_path / "none.json", tmp_path / "other.zip")
    assert not (tmp_path / "other.zip").exists()
