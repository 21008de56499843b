"""Names that become part of a path stay one file of one folder, on Windows as well."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest

from sgnet.files.path_names import checked_name

BAD = [
    "",
    None,
    3,
    ".",
    "..",
    "../evil",
    "../../evil",
    "a/b",
    "a/",
    "/tmp/evil",
    "..\\evil",
    "a\\b",
    "C:evil",
    "C:\\evil",
    "\\\\server\\share",
    "a\0b",
    "a\nb",
    "\ud800",
    ".hidden",
    "train.",
    "train ",
    " train",
    "con",
    "NUL.json",
    "Com1",
    "lpt³.x",
    "a" * 201,
    "ä" * 101,
]


@pytest.mark.parametrize("name", BAD, ids=repr)
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(ValueError, match="split must be a name such as train, got"):
        checked_name(name, "split")


@pytest.mark.parametrize(
    "name", ["train", "train2017", "v1.2", "vidéo", "a b", "console", "2024-05-01T12:30", "ä" * 100]
)
def test_a_plain_name_is_itself_and_stays_in_its_folder(name, tmp_path):
    assert checked_name(name, "split") == name
    assert (tmp_path / name).parent == tmp_path == Path(tmp_path, name).resolve().parent
    assert len(PureWindowsPath(name).parts) == 1
    (tmp_path / f".{name}.json.12345678.tmp").touch()  # as it is written
