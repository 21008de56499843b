"""JSON files from other people: reading, and checking fields with errors that name the place.

Every error says which file, which entry, which field, what was expected and what came.
"""

from __future__ import annotations

import json
import math
import reprlib
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from sgnet.files.text_file import decoded_text, read_bytes

LARGEST_ID = 2**63 - 1  # ids are kept in 64-bit arrays
LARGEST_EXACT = 2**53  # beyond it a float does not tell an integer from the next
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80


def read_json(path: str | Path) -> object:
    """Reads a UTF-8 JSON file.

    Raises:
        ValueError: the file is missing, unreadable, empty, not UTF-8, no JSON or nested too deeply;
            the message starts with the path.
    """
    raw = read_bytes(path)
    if not raw.strip():
        raise ValueError(f"{path}: expected JSON, got an empty file")
    text = decoded_text(raw, path, "JSON")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(f"{path}: expected JSON of a few levels, got too deep nesting") from error
    except ValueError as error:  # a syntax error, or an integer of thousands of digits
        raise ValueError(f"{path}: expected JSON, complete and valid, got: {error}") from error


def describe(value: object) -> str:
    """A short text for any JSON value, for error messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, list) and (len(value) > 6 or any(isinstance(v, list) for v in value)):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    if isinstance(value, int) and abs(value) > LARGEST_ID:
        return "an integer beyond 64 bits"
    text = _SHORT.repr(value)  # does not follow deep nesting
    return text if len(text) <= 80 else f"{text[:77]}..."


def whole_number(value: object) -> int | None:
    """The value as an integer where it is a whole JSON number, else None.

    JavaScript and pandas write 1 as 1.0. True and false are no numbers.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_EXACT:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def finite_number(value: object) -> float | None:
    """The value as a float where it is a finite JSON number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True)
class JsonEntry:
    """One JSON object of a file and the name by which errors call it.

    Attributes:
        file: path of the file.
        name: where the object stands, such as `annotations[1] (id 102)`; empty for the top level.
        fields: the object itself.
    """

    file: str
    name: str
    fields: dict[str, object]

    def error(self, problem: str) -> ValueError:
        """An error that names the file and this entry."""
        return ValueError(": ".join(part for part in (self.file, self.name, problem) if part))

    def wrong(self, name: str, expected: str) -> ValueError:
        """An error that says what a field should be and what it is."""
        got = describe(self.fields[name]) if name in self.fields else "nothing (it is missing)"
        return self.error(f"{name} must be {expected}, got {got}")

    def integer(self, name: str, minimum: int = 0, maximum: int = LARGEST_ID) -> int:
        """A whole number within limits; 1.0 is 1.

        Raises:
            ValueError: the field is missing, no whole number, or outside the limits.
        """
        value = whole_number(self.fields.get(name))
        if value is not None and minimum <= value <= maximum:
            return value
        upper = "" if maximum == LARGEST_ID else f" and at most {maximum}"
        raise self.wrong(name, f"an integer of at least {minimum}{upper}")

    def number(self, name: str) -> float:
        """A finite number.

        Raises:
            ValueError: the field is missing, no number, NaN or infinite.
        """
        number = finite_number(self.fields.get(name))
        if number is None:
            raise self.wrong(name, "a finite number (not NaN)")
        return number

    def text(self, name: str) -> str:
        """A non-empty string that can be written as UTF-8.

        Raises:
            ValueError: the field is missing, no string, empty, or holds lone surrogates.
        """
        value = self.fields.get(name)
        if isinstance(value, str) and value and is_encodable(value):
            return value
        raise self.wrong(name, "a non-empty string")

    def items(self, name: str, length: int | None = None, reason: str = "") -> list[object]:
        """A list, of a given length where one is given.

        Raises:
            ValueError: the field is missing, no list, or of another length; `reason` says why
                that length is expected.
        """
        value = self.fields.get(name)
        if not isinstance(value, list):
            raise self.wrong(name, "a list")
        if length is not None and len(value) != length:
            raise self.error(f"{name} must have {length} entries ({reason}), got {len(value)}")
        return value

    def named(self, number: int) -> JsonEntry:
        """The same entry with its id in its name."""
        return JsonEntry(self.file, f"{self.name} (id {number})", self.fields)

    def has(self, name: str) -> bool:
        """True where the field is present and not null."""
        return self.fields.get(name) is not None


def is_encodable(text: str) -> bool:
    """False for strings with lone surrogates, which no file name or UTF-8 file can hold."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def top_level_object(path: str | Path) -> JsonEntry:
    """Reads a file whose top level is an object.

    Raises:
        ValueError: as `read_json`, or the top level is something else.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        kind = "list" if isinstance(value, list) else describe(value)
        raise ValueError(f"{path}: the top level must be an object {{...}}, got a {kind}")
    return JsonEntry(str(path), "", value)


def top_level_entries(path: str | Path, name: str) -> list[JsonEntry]:
    """Reads a file whose top level is a list of objects, called `name` in messages.

    Raises:
        ValueError: as `read_json`, or the top level is something else.
    """
    value = read_json(path)
    if not isinstance(value, list):
        raise ValueError(f"{path}: the top level must be a list [...], got {describe(value)}")
    return as_entries(str(path), name, value)


def as_entries(file: str, name: str, values: list[object]) -> list[JsonEntry]:
    """Makes each element of a list an entry named `name[index]`.

    Raises:
        ValueError: an element is no object.
    """
    return [as_entry(file, name, index, value) for index, value in enumerate(values)]


def as_entry(file: str, name: str, index: int, value: object) -> JsonEntry:
    """Makes one element of a list an entry named `name[index]`.

    Raises:
        ValueError: the element is no object.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{file}: {name}[{index}] must be an object, got {describe(value)}")
    return JsonEntry(file, f"{name}[{index}]", value)


def identified(entry: JsonEntry, seen: set[int]) -> JsonEntry:
    """Checks an entry's `id`, adds it to those seen and to the entry's name.

    Raises:
        ValueError: the id is missing, no integer, negative, or seen before.
    """
    number = entry.integer("id")
    if number in seen:
        raise entry.error(f"id must be unique, got the duplicate {number}")
    seen.add(number)
    return entry.named(number)


@dataclass(frozen=True)
class WarningCollector:
    """Gathers what is odd but acceptable, so that a big file gives one warning of each kind."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, entry: JsonEntry, problem: str) -> None:
        """Notes one odd entry; the first of its kind will be quoted."""
        self.found.setdefault(kind, []).append(str(entry.error(problem)))

    def issue(self) -> None:
        """Issues one Python warning for each kind."""
        for messages in self.found.values():
            more = f" (and {len(messages) - 1} more like it)" if len(messages) > 1 else ""
            warnings.warn(messages[0] + more, UserWarning, stacklevel=3)
