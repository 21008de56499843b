from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sgnet
from sgnet.files.listing import is_hidden, listed

PACKAGE = Path(sgnet.__file__).parent
ROOMS = ("conversion", "data", "data_check", "export", "inference")
LISTS = ("iterdir", "glob", "rglob", "iglob", "listdir", "scandir", "walk")
# of these the first asks whether a folder is empty, the second filters what a user's pattern finds
OTHERS = ("data/shapes/writer.py", "inference/sources/select.py")


def filled(folder, names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def names(folder, paths):
    return sorted(path.relative_to(folder).as_posix() for path in paths)


@pytest.mark.parametrize(
    ("files", "pattern", "expected"),
    [
        ((), "*", []),
        ((".DS_Store", "._a.jpg"), "*", []),
        (("a.jpg", "._a.jpg", "__MACOSX/a.jpg", "@eaDir/a.jpg"), "*", ["a.jpg"]),
        (("a.xml", "._a.xml", ".b.xml"), "*.xml", ["a.xml"]),
        (
            ("v/ann/a.json", "v/ann/._a.json", "__MACOSX/v/ann/a.json", ".v/ann/a.json"),
            "**/ann/*.json",
            ["v/ann/a.json"],
        ),
        (("a..b.jpg", "_c.jpg"), "*", ["_c.jpg", "a..b.jpg"]),
    ],
)
def test_hidden_files_and_folders_are_left_out(tmp_path, files, pattern, expected):
    folder = filled(tmp_path / ".cache" / "set", files) if files else tmp_path
    assert names(folder, listed(folder, pattern)) == expected


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(OSError, match="nothing"):
        listed(tmp_path / "nothing")


def test_the_current_folder_is_not_hidden():
    assert not is_hidden(Path())


@pytest.mark.parametrize(
    "path", [path for room in ROOMS for path in sorted((PACKAGE / room).rglob("*.py"))], ids=str
)
def test_rooms_that_read_data_list_folders_in_this_way_alone(path):
    if path.relative_to(PACKAGE).as_posix() in OTHERS:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        name = getattr(node, "attr", None) or getattr(node, "id", None)
        assert name not in LISTS, f"{path}: line {node.lineno}: expected files.listing.listed"
