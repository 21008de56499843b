"""A long list entry by entry, against the json module."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from sgnet.files import json_list
from sgnet.files.json_list import ListError, list_entries

TEXTS = ("", "a", '"', "\\", '\\"', "}", "{", "][", "é", "\n", "a\\\\", "long " * 30)


def any_value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(6 if depth < 3 else 3)
    if kind == 0:
        return chance.choice((None, True, 1, -2.5e10))
    if kind <= 2:
        return chance.choice(TEXTS)
    if kind == 3:
        return [any_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return any_object(chance, depth + 1)


def any_object(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    return {chance.choice(TEXTS): any_value(chance, depth) for _ in range(chance.randrange(4))}


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 20])
def test_entries_are_those_of_json_wherever_blocks_end(tmp_path, monkeypatch, block):
    monkeypatch.setattr(json_list, "BLOCK", block)
    path = tmp_path / "list.json"
    for seed in range(30):
        chance = random.Random(seed)
        values = [any_object(chance) for _ in range(chance.randrange(12))]
        text = json.dumps(values, indent=chance.choice((None, 1)), ensure_ascii=seed % 2 == 0)
        raw = f" \n{text}\r\n\t ".encode()
        path.write_bytes(raw)
        entries = list(list_entries(path))
        assert [json.loads(entry.text) for entry in entries] == values
        for entry in entries:
            assert raw[entry.start : entry.start + len(entry.text)] == entry.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{}",
        "null",
        '"[{}]"',
        "[",
        "[{}",
        "[{},",
        "[{},]",
        "[,{}]",
        "[{}{}]",
        "[{},,{}]",
        "[{}]]",
        "[{}] {}",
        "[1]",
        "[{}, null]",
        "[[{}]]",
        '[{"a": "}]',
        '[{"a": "\\',
        "\ufeff[{}]",
    ],
)
@pytest.mark.parametrize("block", [1, 1 << 20])
def test_no_list_of_objects_is_refused(tmp_path, monkeypatch, text, block):
    monkeypatch.setattr(json_list, "BLOCK", block)
    path = tmp_path / "list.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ListError, match="list.json"):
        list(list_entries(path))


def test_a_list_that_is_cut_off_is_refused_wherever_it_ends(tmp_path):
    path = tmp_path / "list.json"
    text = json.dumps([{"a": TEXTS, "b": {"c": [1, {}]}}, {}, {"d": "x\\"}]).encode()
    for length in range(len(text)):
        path.write_bytes(text[:length])
        with pytest.raises(ListError, match="list.json"):
            list(list_entries(path))
    path.write_bytes(text)
    assert len(list(list_entries(path))) == 3
