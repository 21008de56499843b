from __future__ import annotations

import resource

import pytest

from sgnet.files import reserved_room
from sgnet.files.reserved_room import ReservedRoom


def test_without_any_need_nothing_is_there(tmp_path):
    room = ReservedRoom(tmp_path / "a")
    room.release()
    assert not list(tmp_path.iterdir())


def test_room_is_on_the_disk_until_it_is_released(tmp_path, monkeypatch):
    monkeypatch.setattr(reserved_room, "CHUNK", 1000)
    room = ReservedRoom(tmp_path / "a")
    for size, held in ((10, 10), (5, 10), (4321, 4321)):
        room.keep(size)
        (file,) = tmp_path.iterdir()
        assert file.stat().st_size == room.size == held
    assert file.stat().st_blocks * 512 >= 4321  # not a hole
    room.release()
    assert not list(tmp_path.iterdir())


def test_what_was_held_before_a_full_disk_is_still_held(tmp_path):
    room = ReservedRoom(tmp_path / "a")
    room.keep(10)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (15, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            room.keep(20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert next(tmp_path.iterdir()).stat().st_size == room.size == 15
