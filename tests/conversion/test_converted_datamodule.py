"""DAVIS by name: converted when first used, then read like any other set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from labelled_builders import write_images
from PIL import Image

from sgnet.records import Video

ROOT = Path(__file__).parents[2]


@pytest.fixture
def davis(tmp_path, monkeypatch) -> Path:
    """Two videos for training and one for validation, 96x64, one object each."""
    root = tmp_path / "DAVIS"
    lists = {"train": ("bear", "bus"), "val": ("cow",)}
    for split, names in lists.items():
        (root / "ImageSets/2017").mkdir(parents=True, exist_ok=True)
        (root / f"ImageSets/2017/{split}.txt").write_text("\n".join(names) + "\n")
        for name in names:
            frames = tuple(f"{name}/{t:05d}.jpg" for t in range(3))
            write_images(root / "JPEGImages/480p", [Video(1, 96, 64, 3, frames)])
            folder = root / "Annotations/480p" / name
            folder.mkdir(parents=True)
            for t in range(3):
                index = np.zeros((64, 96), np.uint8)
                index[10:30, 10 + 5 * t : 40 + 5 * t] = 1
                picture = Image.fromarray(index)
                picture.putpalette(list(range(256)) * 3)
                picture.save(folder / f"{t:05d}.png")
    monkeypatch.setenv("DAVIS_ROOT", str(root))
    return root


def data_module(tmp_path: Path, *overrides: str):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose(
            "train",
            ["data=davis", f"paths.data_dir={tmp_path}", "data.transform.size=[64,96]", *overrides],
        )
    return instantiate(cfg.data, _convert_="all")


def test_davis_is_converted_once_and_its_clip_pairs_move(davis, tmp_path):
    data = data_module(
        tmp_path, "data.batch_size=2", "data.num_workers=0", "data.transform.steps=[]"
    )
    data.prepare_data()
    written = tmp_path / "davis_vis/train.json"
    before = written.stat().st_mtime_ns
    data.prepare_data()
    assert written.stat().st_mtime_ns == before
    data.setup("fit")
    assert [category.name for category in data.categories] == ["object"]
    assert [video.length for video in data.val_videos] == [3]
    batch = next(iter(data.train_dataloader()))
    moved = batch.key_targets.movements[batch.key_targets.in_both]
    assert set(moved[:, 0].tolist()) <= {5.0, 10.0}
    assert not moved[:, 1].any()
    assert not list((davis / "Annotations").rglob("*.json"))


def test_other_settings_of_a_reader_ask_for_another_folder(davis, tmp_path):
    data_module(tmp_path).prepare_data()
    data_module(tmp_path, "data.num_workers=3").prepare_data()
    changed = data_module(tmp_path, f"data.readers.train.videos={davis}/ImageSets/2017/val.txt")
    with pytest.raises(ValueError, match=r"'train' was converted with other settings.*val\.txt"):
        changed.prepare_data()
    (tmp_path / "davis_vis/.train.reader.json").unlink()  # of an earlier version
    changed.prepare_data()


def test_a_missing_source_is_named(davis, tmp_path, monkeypatch):
    monkeypatch.setenv("DAVIS_ROOT", str(tmp_path / "elsewhere"))
    with pytest.raises((ValueError, OSError), match="elsewhere"):
        data_module(tmp_path).prepare_data()
    with pytest.raises(ValueError, match=r"one of \['train', 'val'\], got 'test'"):
        data_module(tmp_path).prepare_split("test")
