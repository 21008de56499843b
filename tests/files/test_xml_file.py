"""XML that would grow, reach outside, or is none."""

from __future__ import annotations

import pytest

from sgnet.files.xml_file import read_xml

BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]><x>&d;</x>"""
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'


def test_plain_xml_is_read(tmp_path):
    path = tmp_path / "ä.xml"
    path.write_text('<?xml version="1.0" encoding="utf-8"?><x a="ü &amp; v"/>', encoding="utf-8")
    assert read_xml(path).get("a") == "ü & v"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "no document type"),
        (OUTSIDE, "no document type"),
        ('<!DOCTYPE x SYSTEM "http://example.com/x.dtd"><x/>', "no document type"),
        ("<x>&e;</x>", "undefined entity"),
        ("<x><y></x>", "mismatched tag"),
        ("<x>", "no element found"),
        ("", "no element found"),
        ('<?xml version="1.0" encoding="none"?><x/>', "unknown encoding"),
    ],
)
def test_other_text_is_refused_with_the_files_name(text, words, tmp_path):
    (tmp_path / "x.xml").write_text(text)
    with pytest.raises(ValueError, match=rf"x\.xml: expected XML.*{words}"):
        read_xml(tmp_path / "x.xml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.xml: cannot be read"):
        read_xml(tmp_path / "none.xml")
