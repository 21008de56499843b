"""The command lines of scripts/convert.py and export_tracks.py; subprocesses, so they are few."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from labelled_builders import CATEGORIES, VIDEOS, tracks, write_images
from script_runner import run_script
from settings import CONF, settings_of

from sgnet.data.annotations.annotation_writer import save_annotations
from sgnet.data.annotations.youtube_vis import find_split, load_annotations
from sgnet.evaluation.results import save_results
from sgnet.records import ResultTrack
from sgnet.visualization.video_file import write_mp4


def test_results_go_to_cvat_and_come_back(tmp_path: Path) -> None:
    images = write_images(tmp_path / "images")
    save_annotations(tmp_path / "gt.json", CATEGORIES, VIDEOS, [])
    found = [ResultTrack(t.video_id, t.category_id, 0.9, t.segmentations) for t in tracks()]
    save_results([*found, ResultTrack(3, 7, 0.1, found[2].segmentations)], tmp_path / "res.json")
    files = {"annotations": tmp_path / "gt.json", "results": tmp_path / "res.json"}
    done = run_script(
        "export_tracks.py", tmp_path, to="cvat", output="out", min_score="0.5", **files
    )
    assert done.returncode == 0, done.stderr
    back = {"source": "out", "images": images, "output": "data", "like": tmp_path / "gt.json"}
    done = run_script("convert.py", tmp_path, **{"from": "cvat"}, **back)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "data/train.json"
    read = load_annotations(find_split(tmp_path / "data", "train")[0])
    assert {t.segmentations for t in read.tracks()} == {t.segmentations for t in tracks()}
    assert {p.name for p in tmp_path.iterdir()} == {"images", "gt.json", "res.json", "out", "data"}


def test_a_video_file_gives_the_frames(tmp_path: Path) -> None:
    write_mp4([np.full((48, 64, 3), 90, np.uint8)] * 2, tmp_path / "clip.mp4", 10.0)
    shape = '<polygon frame="1" outside="0" keyframe="1" points="0,0;8,0;8,8;0,8"/>'
    text = f'<annotations><track id="0" label="a">{shape}</track></annotations>'
    (tmp_path / "labels.xml").write_text(text)
    arguments = {"from": "cvat", "source": "labels.xml", "source_video": "clip.mp4"}
    done = run_script("convert.py", tmp_path, **arguments, output="data")
    assert done.returncode == 0, done.stderr
    annotations, images = find_split(tmp_path / "data", "train")
    (video,) = load_annotations(annotations).videos
    assert (video.width, video.height) == (64, 48)
    assert [(images / name).is_file() for name in video.file_names] == [True, True]


def test_malformed_labels_end_with_a_message_alone(tmp_path: Path) -> None:
    write_images(tmp_path / "images")
    (tmp_path / "labels.xml").write_text("<annotations><track/></annotations>")
    arguments = {"from": "cvat", "source": "labels.xml", "images": "images/one"}
    done = run_script("convert.py", tmp_path, **arguments, output="data")
    assert done.returncode == 2
    assert "labels.xml: track None: id must be an integer" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"images", "labels.xml"}


@pytest.mark.parametrize("kind", ["from", "to"])
def test_every_form_is_a_function_that_takes_its_settings(kind: str) -> None:
    main = {"from": "convert", "to": "export_tracks"}[kind]
    paths = list((CONF / "scripts" / kind).glob("*.yaml"))
    assert paths
    for path in paths:
        cfg = settings_of(main, f"{kind}={path.stem}")
        function = instantiate(cfg[kind], _partial_=True)
        settings = set(cfg[kind]) - {"_target_", "_partial_"}
        assert settings <= set(function.func.__code__.co_varnames)
        assert function.func.__name__ == f"{'read' if kind == 'from' else 'write'}_{path.stem}"
