"""Text from other people's editors."""

from __future__ import annotations

import codecs

import pytest

from sgnet.files.checked_json import read_json
from sgnet.files.text_file import read_text


@pytest.mark.parametrize("content", ["", "a\nb\n", "vidéo"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_text_is_the_same_with_a_byte_order_mark_and_without(content, mark, tmp_path):
    (tmp_path / "x.txt").write_bytes(mark + content.encode("utf-8"))
    assert read_text(tmp_path / "x.txt") == content


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("read", [read_text, read_json])
def test_utf_16_is_called_by_its_name(read, encoding, tmp_path):
    (tmp_path / "x.txt").write_bytes('{"a": 1}'.encode(encoding))
    with pytest.raises(ValueError, match=r"x\.txt: expected .* in UTF-8, got UTF-16"):
        read(tmp_path / "x.txt")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"vid\xe9o", "expected UTF-8 text, got invalid"), (b"ab\0c", "got zero bytes inside")],
)
def test_other_bytes_are_refused_with_the_files_name(content, words, tmp_path):
    (tmp_path / "x.txt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"x\.txt: {words}|x\.txt: expected text, {words}"):
        read_text(tmp_path / "x.txt")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.txt: there is no such file"):
        read_text(tmp_path / "none.txt")
    with pytest.raises(ValueError, match=r"cannot be read"):
        read_text(tmp_path)
