"""Outputs that would replace an input, or what somebody else put there."""

from __future__ import annotations

import os

import pytest

from sgnet.files.outputs import check_outputs, has_fields, keep_inputs


def test_a_new_place_is_fine_with_and_without_inputs(tmp_path):
    check_outputs([], [])
    check_outputs([tmp_path / "out.json"], [None, tmp_path / "in.json"])
    assert list(tmp_path.iterdir()) == []


def same(way, path):
    other = path.with_name("other.json")
    if way == "itself":
        return path
    if way == "symbolic link":
        other.symlink_to(path)
    elif way == "hard link":
        os.link(path, other)
    else:
        return path.parent / "none" / ".." / path.name
    return other


@pytest.mark.parametrize("way", ["itself", "symbolic link", "hard link", "another spelling"])
@pytest.mark.parametrize("ours", [None, lambda _: True])
def test_an_input_by_whatever_name_is_no_output(way, ours, tmp_path):
    (tmp_path / "in.json").write_text("{}")
    output = same(way, tmp_path / "in.json")
    with pytest.raises(ValueError, match="output must not be one of the inputs"):
        check_outputs([output], [tmp_path / "in.json"], ours)
    with pytest.raises(ValueError, match="output must not be one of the inputs"):
        keep_inputs([tmp_path / "in.json"], [output])


@pytest.mark.parametrize("kind", ["file", "folder", "link to nowhere"])
def test_what_is_there_is_not_replaced_unless_it_is_ours(kind, tmp_path):
    place = tmp_path / "x"
    if kind == "file":
        place.touch()
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(tmp_path / "none")
    for ours in (None, lambda _: False, *([] if kind == "file" else [lambda _: True])):
        with pytest.raises(ValueError, match="there already and is not replaced; choose another"):
            check_outputs([tmp_path / "new", place], [], ours)
    if kind == "file":
        check_outputs([place], [], lambda _: True)


@pytest.mark.parametrize(
    ("content", "expected"),
    [("", False), ("[]", False), ("{}", False), ('{"a": 1}', True), ('{"a": 1, "b": 2}', False)],
)
def test_a_report_is_known_by_all_of_its_fields(content, expected, tmp_path):
    (tmp_path / "x.json").write_text(content)
    assert has_fields(tmp_path / "x.json", ("a",)) == expected
    assert not has_fields(tmp_path / "none.json", ("a",))
