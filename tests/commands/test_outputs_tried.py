"""Outputs are tried before the work: each command is refused though its inputs are not there."""

from __future__ import annotations

from importlib import import_module

import pytest
from settings import settings_of

INPUTS = {
    "check_data": ("annotations=no.json",),
    "check_export": ("checkpoint=no.ckpt", "exported=no.onnx"),
    "compose": ("annotations=no.json", "images=no", "count=1"),
    "contact_sheet": (),
    "convert": ("from=cvat", "source=no.xml", "images=no"),
    "diagnose": ("checkpoint=no.ckpt",),
    "evaluate": ("checkpoint=no.ckpt",),
    "export": ("checkpoint=no.ckpt",),
    "export_tracks": ("to=cvat", "annotations=no.json"),
    "report": ("runs=no",),
    "split": ("annotations=no.json", "images=no"),
}


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_an_output_that_cannot_be_written_is_refused_before_any_input_is_read(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("kept")
    run = import_module(f"sgnet.commands.{name}").run
    with pytest.raises((ValueError, OSError), match="file"):
        run(settings_of(name, *INPUTS[name], "output=file/out"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("name", ["check_export", "contact_sheet", "export"])
def test_a_folder_where_a_file_is_to_be_written_is_refused_before_any_input_is_read(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    run = import_module(f"sgnet.commands.{name}").run
    with pytest.raises(IsADirectoryError, match="expected a file to write, got a folder: 'folder'"):
        run(settings_of(name, *INPUTS[name], "output=folder"))
