"""The command line of scripts/check_data.py; each subprocess takes seconds, so they are few."""

from __future__ import annotations

import hashlib
import json

import pytest
from data_sets import write_data_set
from script_runner import run_script

from sgnet.data.clips.transforms import ClipPairTransform
from sgnet.data.loading.datamodule import YouTubeVISDataModule


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("check_data.py", ["output=out"], "expected annotations=FILE or data=NAME"),
        ("check_data.py", ["annotations=x.json"], "expected output=FOLDER"),
        ("split.py", ["annotations=x.json", "output=out", "images=x", "folds=few"], "few"),
    ],
)
def test_wrong_settings_end_with_2(tmp_path, script, arguments, words):
    done = run_script(script, tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_sound_data_set_by_its_config_ends_with_0(tmp_path):
    write_data_set(tmp_path / "set")
    done = run_script("check_data.py", tmp_path, "data=base", "data.root=set", "output=out")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (tmp_path / "out/report.md").read_text()
    assert "0 errors, 0 warnings, 0 notices" in done.stdout
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"report.md", "report.json", "report.png"}
    assert {path.name for path in tmp_path.iterdir()} == {"set", "out"}


@pytest.mark.parametrize("against", [False, True])
def test_errors_end_with_1_and_a_repaired_copy_where_asked(tmp_path, against):
    annotations, images = write_data_set(tmp_path / "set")
    arguments = [f"annotations={annotations}", "output=out", "fix=fixed"]
    if against:
        write_data_set(tmp_path / "other", seeds=(2, 7), prefix="w")
        arguments += ["against=other/train.json"]
    else:
        (images / "v2/00002.jpg").write_bytes(b"no image")
    done = run_script("check_data.py", tmp_path, *arguments)
    assert done.returncode == 1, done.stderr
    assert ("error: leak (1)" if against else "error: image (1)") in done.stdout
    fixes = json.loads((tmp_path / "fixed/fixes.json").read_text())
    assert [fix["entry"] for fix in fixes if "dropped" in fix["done"]] == ["videos[1] (id 2)"]
    videos = json.loads((tmp_path / "fixed/train.json").read_text())["videos"]
    assert [video["length"] for video in videos] == ([4, 4] if against else [4, 3, 4])


def test_a_split_names_itself_by_a_hash_and_trains(tmp_path):
    write_data_set(tmp_path / "set", seeds=range(1, 9))
    arguments = ["annotations=set/train.json", "output=out", "rule=hash", "share=0.3"]
    done = run_script("split.py", tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    names = [f"v{n}" for n in range(1, 9)]
    held = [n for n in names if int(hashlib.sha256(n.encode()).hexdigest(), 16) % 10000 < 3000]
    digest = hashlib.sha256("".join(f"{name}\n" for name in held).encode()).hexdigest()
    assert f"{len(held)} of 8 videos" in done.stdout
    assert digest in done.stdout
    transform = ClipPairTransform((64, 96))
    data = YouTubeVISDataModule(tmp_path / "out", "train", "val", transform, 2, num_workers=0)
    data.setup("fit")
    assert len(data.val_videos) == len(held)
