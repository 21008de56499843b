from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sgnet.files.atomic_file import atomic_path, require_makeable, require_writable_file


def write_until_full(path: Path, number: int) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_a_write_that_finds_no_room_names_the_file(number, tmp_path):
    """The system names none."""
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(OSError, match="a.json") as error:
        write_until_full(path, number)
    assert (error.value.errno, error.value.filename) == (number, str(path))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_that_speaks_of_another_file_stays_as_it_is(tmp_path):
    with pytest.raises(FileNotFoundError) as error, atomic_path(tmp_path / "a"):
        Path("not_there").read_text()
    assert error.value.filename == "not_there"


@pytest.mark.parametrize("there", [False, True])
def test_a_place_for_a_file_is_tried_and_left_as_it_is(there, tmp_path):
    path = tmp_path / "new" / "a.json"
    if there:
        path.parent.mkdir()
        path.write_text("old")
    require_writable_file(path)
    assert list(path.parent.iterdir()) == ([path] if there else [])
    assert not there or path.read_text() == "old"


@pytest.mark.parametrize("name", ["folder", "folder/file/a", "x" * 250, "x" * 300])
def test_a_place_that_takes_no_file_is_refused(name, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").touch()
    with pytest.raises((OSError, ValueError), match=name.removesuffix("/a")[:200]):
        require_writable_file(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def listed(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_file_that_is_tried_is_not_there_afterwards_and_one_that_is_there_stays(tmp_path):
    require_writable_file(tmp_path / "new/a [1], run:1.json")
    assert listed(tmp_path) == ["new"]
    (tmp_path / "there").write_text("kept")
    require_writable_file(tmp_path / "there")
    assert (tmp_path / "there").read_text() == "kept"


def test_a_folder_that_is_tried_is_not_made(tmp_path, monkeypatch):
    require_makeable(tmp_path / "a/b/c")
    require_makeable(tmp_path)
    monkeypatch.chdir(tmp_path)
    require_makeable("run:1/x")
    assert listed(tmp_path) == []


@pytest.mark.parametrize("name", ["file/a", "file", "file/a/b", "dangling/a"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere/at/all")
    with pytest.raises((ValueError, OSError)):
        require_makeable(tmp_path / name)


@pytest.mark.parametrize("name", ["file/a", "folder", "n" * 250])
def test_a_file_that_cannot_be_written_is_refused(tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises((ValueError, OSError)):
        require_writable_file(tmp_path / name)
