"""What the pages say of files, names and rooms is there."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from test_layers import HOUSE

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "src/sgnet"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
REFERENCE = DOCS / "reference"
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
MOST_BYTES = 9000  # of the README: three minutes


def text_of(page: Path) -> str:
    """Without fenced code, whose brackets and comments are no links and headings."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def links_of(page: Path) -> list[tuple[str, str]]:
    """Label and target of the links that lead to files of the repository."""
    found = LINK.findall(text_of(page))
    return [(label, target) for label, target in found if "://" not in target]


def anchors_of(page: Path) -> set[str]:
    """As GitHub and the site make them of headings without punctuation in a row."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def names_of(path: Path) -> set[str]:
    """Functions, classes, constants and the classes' methods and fields that a file defines."""

    def defined(body: list[ast.stmt], prefix: str) -> set[str]:
        names = set()
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names.add(prefix + node.name)
            if isinstance(node, ast.ClassDef) and not prefix:
                names |= defined(node.body, f"{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", 0)]
            names |= {prefix + target.id for target in targets if isinstance(target, ast.Name)}
        return names

    return defined(ast.parse(path.read_text()).body, "")


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floors(text: str) -> list[set[str]]:
    return [set(line.split()) for line in text.strip().splitlines()]


def in_nav(entry: object) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [page for part in parts for page in in_nav(part)]


def site() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    return config


def test_the_readme_is_read_in_three_minutes():
    assert len((ROOT / "README.md").read_bytes()) <= MOST_BYTES


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(page):
    for label, target in links_of(page):
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"[{label}]({target})"
        if anchor:
            assert anchor in anchors_of(linked), f"[{label}]({target})"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_names_that_link_to_a_source_file_are_defined_there(page):
    for label, target in links_of(page):
        if label.startswith("`") and target.endswith(".py"):
            assert label.strip("`") in names_of(page.parent / target), f"[{label}]({target})"


def test_the_architecture_leads_to_the_code_of_both_journeys():
    links = [label for label, target in links_of(DOCS / "architecture.md") if "src/sgnet" in target]
    for name in ("ClipPairDataset.read", "blend", "SGNetCriterion", "save_results"):
        assert f"`{name}`" in links


def test_the_picture_of_the_rooms_is_the_house_of_the_layers():
    picture = re.search(r"```mermaid\n(.*?)```", (DOCS / "architecture.md").read_text(), re.DOTALL)
    groups = re.findall(r"subgraph (\w+) .*?\n(.*?)\bend\n", picture[1], re.DOTALL)
    drawn = {group: set(re.findall(r"\w+", rooms)) for group, rooms in groups}
    order = re.findall(r"^ *(\w+(?: --> \w+)+)$", picture[1], re.MULTILINE)[-1].split(" --> ")
    assert [drawn[group] for group in order] == floors(HOUSE)
    assert len(order) == len(drawn)


def test_the_table_of_the_rooms_has_a_line_for_each():
    rows = re.findall(r"^\| \[(\w+)\]", (DOCS / "architecture.md").read_text(), re.MULTILINE)
    assert rows == [room for line in HOUSE.strip().splitlines() for room in line.split()]


def test_every_module_is_on_its_rooms_page_of_the_reference():
    rooms = {room for floor in floors(HOUSE) for room in floor}
    assert {page.stem for page in REFERENCE.glob("*.md")} == rooms | {"index"}
    for room in rooms:
        paths = [PACKAGE / f"{room}.py", *(PACKAGE / room).rglob("*.py")]
        modules = {module_of(path) for path in paths if path.is_file()}
        text = (REFERENCE / f"{room}.md").read_text()
        assert sorted(re.findall(r"^::: (\S+)$", text, re.MULTILINE)) == sorted(modules)


def test_the_site_lists_every_page():
    pages = in_nav(site()["nav"])
    assert sorted(pages) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))
    assert site()["strict"] is True


@pytest.mark.parametrize(
    ("link", "on_site"),
    [
        ("no link", "no link"),
        ("[a](data.md#x) ![b](../c.png)", "[a](data.md#x) ![b](../c.png)"),
        ("[c](../conf/train.yaml)", "c"),
        ("[ops](../src/sgnet/ops)", "[ops][sgnet.ops]"),
        ("[`rle.area`](../src/sgnet/ops/rle.py)s", "[`rle.area`][sgnet.ops.rle.rle.area]s"),
        ("[`A.b`](../src/sgnet/records.py)", "[`A.b`][sgnet.records.A.b]"),
    ],
)
def test_on_the_site_links_to_sources_become_links_to_the_reference(link, on_site):
    spec = importlib.util.spec_from_file_location("site_links", DOCS / "site_links.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    page = SimpleNamespace(file=SimpleNamespace(src_uri="architecture.md"))
    assert hook.on_page_markdown(link, page, config={}, files=[]) == on_site
