from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sgnet.files.atomic_file import atomic_path
from sgnet.files.earlier_files import nothing_earlier

NAMES = ("main.json", "a.png", "b.csv")


def write(folder: Path, *names: str) -> None:
    for name in names:
        with atomic_path(folder / name) as temporary:
            temporary.write_text("same")


@pytest.mark.parametrize(
    ("before", "written", "left"),
    [
        ((), (), ()),
        ((), NAMES, NAMES),
        (NAMES, (), NAMES),  # nothing written: the earlier run is whole
        (NAMES, NAMES, NAMES),
        (NAMES, NAMES[:1], NAMES[:1]),
        (NAMES, NAMES[1:2], NAMES[1:2]),
        (NAMES[:2], (NAMES[0], NAMES[2]), (NAMES[0], NAMES[2])),
        (NAMES[1:], NAMES[:1], NAMES),  # no run was there before: they are somebody else's
    ],
)
@pytest.mark.parametrize("fails", [False, True])
def test_nothing_of_an_earlier_run_stays_beside_what_is_written(
    before, written, left, fails, tmp_path, caplog
):
    caplog.set_level(logging.INFO)
    write(tmp_path, *before, "other.txt")
    try:
        with nothing_earlier([tmp_path / name for name in NAMES]):
            write(tmp_path, *written)
            if fails:
                raise OSError("full")
    except OSError:
        assert fails
    assert {path.name for path in tmp_path.iterdir()} == {*left, "other.txt"}
    gone = {*before} - {*left}
    assert {str(record.args[0]) for record in caplog.records} == {f"{tmp_path / n}" for n in gone}
