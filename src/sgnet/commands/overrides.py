r"""A command line's overrides as Hydra's grammar takes them: names of files need no quotes.

Text (`source`, `output`, `data.root`, `split`, ...) is taken as it was typed, with `=`, spaces,
brackets, quotes and digits. Hydra's own forms stay what they are to Hydra:

    null, '...', "..."     no value; quoted text
    a\ b                   escaped text, and functions that return it, such as str(1)
    ${...}                 an interpolation
    a,b  choice(a,b)       a sweep, with --multirun only
    [a,b]                  a list, where the setting takes lists
    what is a file         the file of that name, whatever else its name could mean, but `null`
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import grammar_parser
from omegaconf.errors import GrammarParseError

OVERRIDE = re.compile(r"(?P<plus>\+{0,2})(?P<key>[\w./-]+)=(?P<value>.*)", re.DOTALL)
FUNCTION = re.compile(r"\w+\s*\(.*\)", re.DOTALL)  # str(1); where Hydra knows no such, a name
MULTIRUN = re.compile(r"-m|--mul\w*|\+{0,2}hydra\.mode=['\"]?MULTIRUN['\"]?")


def with_quotes(
    arguments: Sequence[str], takes_text: Callable[[str], bool], takes_list: Callable[[str], bool]
) -> list[str]:
    """Arguments in which text is quoted where Hydra would refuse it or read something else.

    What has been through here comes out of a second time unchanged: processes that a main starts
    get its command line.

    Args:
        arguments: of a command line; flags stay as they are.
        takes_text: whether the setting of a key, such as `data.root`, is text.
        takes_list: whether it may be a list.
    """
    sweeps = any(MULTIRUN.fullmatch(argument) for argument in arguments)
    whole = []
    for argument in arguments:
        found = OVERRIDE.fullmatch(argument)
        if found is None or argument.startswith("-") or not takes_text(found["key"]):
            whole.append(argument)
            continue
        text = found["value"]
        if not _is_hydras(argument, text, sweeps, takes_list(found["key"])):
            quoted = QuotedString(text=_literal(text), quote=Quote.single).with_quotes()
            argument = f"{found['plus']}{found['key']}={quoted}"
        whole.append(argument)
    return whole


def _is_hydras(argument: str, text: str, sweeps: bool, lists: bool) -> bool:
    """Whether Hydra reads an override of text as it is meant."""
    override = _parsed(argument)
    if override is None:
        return False
    value: Any = override._value  # noqa: SLF001 - value() turns quoted text to plain
    if value is None or (value == text and "${" not in text):
        return True
    if _is_there(text):
        return False
    if value == text or isinstance(value, QuotedString):
        return True
    if override.is_sweep_override():
        return sweeps
    if isinstance(value, list):
        return lists
    if FUNCTION.fullmatch(text.strip()):
        return True
    return isinstance(value, str) and text.strip() != value  # escaped; not one with spaces around


def _parsed(argument: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(argument)
    except HydraException:
        return None


def _is_there(text: str) -> bool:
    try:
        return os.path.lexists(text)
    except (ValueError, OSError):  # a null character
        return False


def _literal(text: str) -> str:
    """Text that OmegaConf takes for itself; with interpolations where there are whole ones."""
    if "${" not in text or (not _is_there(text) and _has_interpolation(text)):
        return text
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def _has_interpolation(text: str) -> bool:
    try:
        grammar_parser.parse(text)
    except GrammarParseError:
        return False
    return True


def with_plus(arguments: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Arguments whose settings of some groups are the same with `+` and without.

    Names that a group lacks reach the check of types, which says what it knows.

    Args:
        arguments: of a command line.
        groups: the names that `decoder`, `tracker`, ... know.
    """
    pattern = re.compile(rf"(\+?)((?:\w+\.)*({'|'.join(groups)})\.(\w+)=.*)", re.DOTALL)
    whole = []
    for argument in arguments:
        found = pattern.fullmatch(argument)
        forced = found is not None and (found[1] or found[4] not in groups[found[3]])
        whole.append(f"++{found[2]}" if found is not None and forced else argument)
    return whole
