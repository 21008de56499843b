"""What the commands say of themselves, read without importing them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

FOLDER = Path(__file__).parent
OVERVIEW = """\
usage: sgnet COMMAND [SETTING=VALUE ...]

{commands}

Settings are overrides as Hydra takes them; names of files need no quotes but the shell's.
`sgnet COMMAND --help` lists those of a command,
`sgnet COMMAND --cfg job SETTING=VALUE ...` shows them all as they would be used.
"""


def conf_folder() -> Path:
    """The folder of settings: inside of an installed package, at the top of a checkout."""
    package = FOLDER.parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parents[1] / "conf"


def settings_file(name: str, conf: Path) -> Path:
    """The settings of a command below a folder of settings."""
    path = conf / f"{name}.yaml"
    return path if path.is_file() else conf / "scripts" / f"{name}.yaml"


def description(name: str) -> str:
    """The docstring of a command's module; "" where there is none."""
    path = FOLDER / f"{name}.py"
    if not path.is_file():
        return ""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def overview(words: tuple[str, ...]) -> str:
    """All commands, a line each."""
    width = max(map(len, words))
    firsts = [description(module_name(word)).splitlines()[0] for word in words]
    lines = [f"  {word:<{width}}  {first}" for word, first in zip(words, firsts, strict=True)]
    return OVERVIEW.format(commands="\n".join(lines))


def help_text(word: str) -> str:
    """A command's description, its settings with their comments, and what its groups offer."""
    conf = conf_folder()
    path = settings_file(module_name(word), conf)
    text = path.read_text(encoding="utf-8")
    groups = re.findall(r"^  - (\w+): ", text, re.MULTILINE)
    settings = re.split(r"^hydra:", text, flags=re.MULTILINE)[0]
    kept = [line for line in settings.splitlines() if not re.match(r"#|defaults:|  - ", line)]
    offered = [f"  {group}={_offer(group, (path.parent, conf))}" for group in groups]
    return (
        "\n\n".join(
            part.strip("\n")
            for part in (
                description(module_name(word)),
                "Settings:\n" + _indented("\n".join(kept)),
                "Groups of settings:\n" + "\n".join(offered) if offered else "",
            )
            if part
        )
        + "\n"
    )


def module_name(word: str) -> str:
    """The module, and the file of settings, of a command."""
    return word.replace("-", "_")


def _offer(group: str, folders: tuple[Path, ...]) -> str:
    found = {path.stem for folder in folders for path in (folder / group).glob("*.yaml")}
    return ", ".join(sorted(found))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.strip("\n").splitlines())
