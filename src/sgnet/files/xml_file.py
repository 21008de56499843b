"""XML files from other people."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from sgnet.files.checked_json import JsonEntry


class _WithoutDoctype(TreeBuilder):
    """A tree builder that stops at a document type, before any of its entities is read."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Called by the parser at <!DOCTYPE."""
        raise ValueError(f"expected no document type (no entities), got <!DOCTYPE {name}")


def read_xml(path: Path) -> Element:
    """Reads an XML file without document type, and so without entities of its own.

    Raises:
        ValueError: the file is missing, no XML, or has a document type; the message starts with
            the path.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    parser = XMLParser(target=_WithoutDoctype())
    try:
        parser.feed(data)
        root = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise ValueError(f"{path}: expected XML, complete and valid, got: {error}") from error
    if not isinstance(root, Element):
        raise ValueError(f"{path}: expected XML, got no element")
    return root


def as_entry(file: str, name: str, element: Element) -> JsonEntry:
    """An element's attributes as an entry; they are all text."""
    return JsonEntry(file, name, dict(element.attrib))


def with_numbers(entry: JsonEntry) -> JsonEntry:
    """An entry whose attributes that read as numbers are numbers."""
    return JsonEntry(entry.file, entry.name, {k: _number(v) for k, v in entry.fields.items()})


def _number(value: object) -> object:
    text = str(value)
    for kind in (int, float):
        try:
            return kind(text) if len(text) <= 32 else value
        except ValueError:
            continue
    return value
