"""For the site: links of the pages to source files lead to the API reference instead.

A name in code font, [`SGNet.forward`](../src/sgnet/models/sgnet.py), becomes a reference to it; any
other link to a file or room of src/sgnet one to the module. The build stops where there is none.
Links to the repository's other files, which the site does not have, become plain text.
"""

from __future__ import annotations

import re
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.structure.pages import Page

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(((?:\.\./)+[^)\s]+)\)")


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """A page's text with its links out of docs/ turned into what the site has."""
    folder = dirname(join("docs", page.file.src_uri))

    def on_site(link: re.Match[str]) -> str:
        label, target = link.groups()
        path = normpath(join(folder, target))
        if path.startswith("docs/"):
            return link[0]
        if not path.startswith("src/sgnet"):
            return label
        module = path.removeprefix("src/").removesuffix(".py").replace("/", ".")
        name = f"{module}.{label.strip('`')}" if label.startswith("`") else module
        return f"[{label}][{name}]"

    return LINK.sub(on_site, markdown)
