"""Names under which what stands in the way is kept."""

from __future__ import annotations

import pytest

from sgnet.files.kept_aside import aside, keep_aside, kept


def test_what_is_not_there_is_not_kept(tmp_path):
    assert keep_aside(tmp_path / "metrics.csv") is None
    assert kept(tmp_path / "metrics.csv") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ((), "metrics.before-000.csv"),
        (("metrics.before-000.csv",), "metrics.before-001.csv"),
        (("metrics.before-001.csv",), "metrics.before-002.csv"),  # -000 was removed
        (("metrics.before-007.csv", "metrics.before-002.csv"), "metrics.before-008.csv"),
        (("metrics.before-1234.csv",), "metrics.before-1235.csv"),
        (("metrics.before-x.csv", "metrics.before-004.json", "a.before-003.csv"),) * 1
        + ("metrics.before-000.csv",),
    ],
)
def test_numbers_go_up_from_the_highest(tmp_path, there, expected):
    for name in there:
        (tmp_path / name).write_text(name)
    (tmp_path / "metrics.csv").write_text("new")
    assert aside(tmp_path / "metrics.csv").name == expected
    assert keep_aside(tmp_path / "metrics.csv").read_text() == "new"
    assert {name: (tmp_path / name).read_text() for name in there} == {name: name for name in there}


def test_a_folder_is_kept_whole(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/a").touch()
    assert keep_aside(tmp_path / "run") == tmp_path / "run.before-000"
    assert (tmp_path / "run.before-000/a").is_file()
