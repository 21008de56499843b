from __future__ import annotations

from pathlib import Path

import pytest

from sgnet.files.atomic_file import atomic_path, write_json
from sgnet.files.checked_json import JsonEntry, WarningCollector, read_json


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"a": [1,', "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"1" * 5000, "JSON"),
        ("[]".encode("utf-16"), "UTF-8"),
    ],
)
def test_unreadable_files_say_why(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=word) as caught:
        read_json(path)
    assert str(path) in str(caught.value)


def test_missing_files_and_folders_say_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(ValueError, match="cannot be read"):
        read_json(tmp_path)


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "file.json") == [1]


@pytest.mark.parametrize("value", [True, 1.5, float("nan"), 1e300, "1", None, -1, 2**63])
def test_only_integers_within_limits_pass(value: object) -> None:
    with pytest.raises(ValueError, match=r"f.json: entry: id must be an integer"):
        JsonEntry("f.json", "entry", {"id": value}).integer("id")


@pytest.mark.parametrize("value", [0, 0.0, 7.0, 2.0**53])
def test_whole_floats_are_integers(value: float) -> None:
    number = JsonEntry("f.json", "entry", {"id": value}).integer("id")
    assert (number, type(number)) == (int(value), int)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, True, "1", None])
def test_only_finite_numbers_pass(value: object) -> None:
    with pytest.raises(ValueError, match="score must be a finite number"):
        JsonEntry("f.json", "entry", {"score": value}).number("score")


@pytest.mark.parametrize("value", ["", 3, None, "\ud800"])
def test_only_text_passes(value: object) -> None:
    with pytest.raises(ValueError, match="name must be"):
        JsonEntry("f.json", "entry", {"name": value}).text("name")


def test_many_warnings_of_a_kind_become_one() -> None:
    odd = WarningCollector()
    for index in range(3):
        odd.add("kind", JsonEntry("f.json", f"entry {index}", {}), "is odd")
    with pytest.warns(UserWarning, match=r"f.json: entry 0: is odd \(and 2 more") as caught:
        odd.issue()
    assert len(caught) == 1


def write_half(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise OSError("stop")


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.json"
    write_json([1], path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json([float("nan")], path)
    with pytest.raises(OSError, match="stop"):
        write_half(path)
    assert read_json(path) == [1]
    assert [item.name for item in path.parent.iterdir()] == ["file.json"]
