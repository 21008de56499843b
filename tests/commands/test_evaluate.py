from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from data_sets import write_data_set
from omegaconf import DictConfig, OmegaConf

from sgnet.commands import evaluate
from sgnet.data.annotations.youtube_vis import load_annotations
from sgnet.records import ResultTrack

FILES = {"results.json", "results.zip", "metrics.json", "tracks.png", "tracks.mp4"}


@pytest.fixture
def split(tmp_path, monkeypatch) -> Path:
    """A split of which a network is perfect; returns its annotations."""
    path, images = write_data_set(tmp_path / "data", seeds=(1, 2))
    truth = load_annotations(path)
    tracks = [ResultTrack(t.video_id, t.category_id, 0.9, t.segmentations) for t in truth.tracks()]
    data = SimpleNamespace(
        root=tmp_path, prepare_split=lambda _: None, scored_videos=lambda _: truth.videos
    )
    monkeypatch.setattr(evaluate, "instantiate", lambda *_, **__: data)
    monkeypatch.setattr(evaluate, "find_split", lambda *_: (path, images))
    found = (lambda *_: tracks, truth.categories, (64, 96))
    monkeypatch.setattr(evaluate, "_split_tracking", lambda *_: found)
    return path


def settings(folder: Path, pictures: int = 0) -> DictConfig:
    wanted = {"device": "cpu", "data": {}, "split": "train", "pictures": pictures, "min_score": 0}
    return OmegaConf.create({**wanted, "output": str(folder), "checkpoint": "x.ckpt"})


def test_evaluating_again_leaves_nothing_of_the_evaluation_before(split, tmp_path):
    output = tmp_path / "out"
    evaluate.evaluate_checkpoint(settings(output, pictures=1))
    assert set(os.listdir(output)) == FILES
    (output / "notes.txt").touch()
    evaluate.evaluate_checkpoint(settings(output))
    assert set(os.listdir(output)) == FILES - {"tracks.png", "tracks.mp4"} | {"notes.txt"}
    document = json.loads(split.read_text())
    del document["annotations"]
    split.write_text(json.dumps(document))
    assert "no score" in evaluate.evaluate_checkpoint(settings(output))
    assert set(os.listdir(output)) == {"results.json", "results.zip", "notes.txt"}


def test_figures_are_written_where_results_find_no_room(split, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(evaluate, "save_results", full)
    with pytest.raises(OSError, match="No space left"):
        evaluate.evaluate_checkpoint(settings(tmp_path / "out"))
    assert os.listdir(tmp_path / "out") == ["metrics.json"]
    assert json.loads((tmp_path / "out/metrics.json").read_text())["stats"]["AP"] == 1.0


@pytest.mark.parametrize("name", sorted(FILES))
def test_an_output_that_cannot_be_written_stops_the_work_before_it_starts(
    name, split, tmp_path, monkeypatch
):
    (tmp_path / "out" / name).mkdir(parents=True)
    monkeypatch.setattr(evaluate, "_split_tracking", lambda *_: ([].pop, (), (64, 96)))
    with pytest.raises(IsADirectoryError, match=name):
        evaluate.evaluate_checkpoint(settings(tmp_path / "out"))
