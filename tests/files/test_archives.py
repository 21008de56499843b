"""Archives that stand where their files should."""

from __future__ import annotations

import shutil

import pytest

from sgnet.files.archives import refuse_archive


@pytest.mark.parametrize("form", ["zip", "tar", "gztar", "bztar", "xztar"])
@pytest.mark.parametrize("name", ["export.{}", "annotations.xml"])
@pytest.mark.parametrize("content", ["", "<annotations/>"])
def test_an_archive_is_to_be_unpacked_whatever_its_name(form, name, content, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/annotations.xml").write_text(content)
    made = shutil.make_archive(str(tmp_path / "made"), form, tmp_path / "in")
    path = shutil.move(made, tmp_path / name.format(form))
    with pytest.raises(ValueError, match=r"source must be .* archive; unpack it"):
        refuse_archive(path, "source")


@pytest.mark.parametrize("content", [b"", b"{}", b"<annotations/>", b"P"])
def test_other_files_folders_and_none_pass(content, tmp_path):
    (tmp_path / "x").write_bytes(content)
    for path in (None, tmp_path, tmp_path / "none", tmp_path / "x"):
        refuse_archive(path, "source")
